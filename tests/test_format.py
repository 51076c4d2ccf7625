"""`cnnc fmt`: one layout, the same meaning, every comment."""

import io
import re
import sys
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import pytest
from cnnc.compiler import format as formatting
from cnnc.compiler import syntax as ast
from cnnc.compiler.arrange import Formatter
from cnnc.compiler.cli import run
from cnnc.compiler.diagnostics import InternalError, NetworkError, Sink
from cnnc.compiler.format import format_source, same_meaning
from cnnc.compiler.layout import WIDTH
from cnnc.compiler.limits import Limits
from cnnc.compiler.parse import parse
from cnnc.compiler.source import Source
from conftest import EXAMPLES, ROOT, calls_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROGRAMS = [*EXAMPLES, ROOT / "grammar/prelude.cnn", *sorted((ROOT / "tests/golden").glob("*/program.cnn"))]
WRONG = sorted((ROOT / "tests/errors").glob("*.cnn"))
COMMENT = re.compile(r'"[^"\n]*"|(#[^\n]*)')


def formatted(text: str) -> str:
    return format_source(Source(text))


def tree(text: str) -> ast.File:
    sink = Sink()
    found = parse(Source(text), sink, Limits())
    assert not sink.has_errors, [d.title for d in sink.found]
    return found


def comments(text: str) -> list[str]:
    return [m.group(1).rstrip() for m in COMMENT.finditer(Source(text).text) if m.group(1)]


def assert_sound(text: str, result: str) -> None:
    """The result means what the text means, has its comments, stays as it is, and is clean at all line ends."""
    assert same_meaning(tree(text), tree(result))
    assert comments(result) == comments(text)
    assert formatted(result) == result
    assert not re.search(r"[ \t]\n|[\r\ufeff]|\n\n\n|\A\n|\n\n\Z|[^\n]\Z", result)


# What is written, and what becomes of it

SHORT = {
    "spaces": ("conv3x3( 32,s = 2 )->bn  ->\trelu", "conv3x3(32, s=2) -> bn -> relu\n"),
    "declarations": (
        "net n(a=1,b=( 1,2 ),) set conv ( p=same, ) relu",
        "net n(a=1, b=(1, 2))\nset conv(p=same)\nrelu\n",
    ),
    "uses": ('use   "a.cnn" use "b.cnn"( se,cbam, )', 'use "a.cnn"\nuse "b.cnn" (se, cbam)\n'),
    "operators": (
        "x=-  3*( 2+n )**2//4 % 7 if not a and b>=3 or c!=1 else - d/e",
        "x = -3 * (2 + n)**2 // 4 % 7 if not a and b >= 3 or c != 1 else -d / e\n",
    ),
    "spellings": ("conv(1E+3, .5, 2., 1e-5, 007, 3×3)", "conv(1E+3, .5, 2., 1e-5, 007, 3×3)\n"),
    "parentheses": ("((a))->( b -> (c) )\nrelu ( )", "((a)) -> (b -> (c))\nrelu()\n"),
    "brackets": ("b [ 0 ] (1) [ 2 ] -> [ a,b, ] -> [ ]", "b[0](1)[2] -> [a, b] -> []\n"),
    "tuples": ("f((1,), (1,2,), ( ( 1 ) ))", "f((1,), (1, 2), ((1)))\n"),
    "labels": ("relu as  a->( tanh )as b", "relu as a -> (tanh) as b\n"),
    "loops": ("for a , b in [ (1,2) ]{conv3x3( a )->relu}", "for a, b in [(1, 2)] { conv3x3(a) -> relu }\n"),
    "comprehension": ("split( [ dwconv( k )for k in ks ] )", "split([dwconv(k) for k in ks])\n"),
    "blocks": (
        "block f( c,g=relu )\n=\n  conv3x3(c)\n  -> g\nshared e=f( 1 )",
        "block f(c, g=relu) = conv3x3(c) -> g\nshared e = f(1)\n",
    ),
    "where": (
        "block f = g->h where g=relu,shared h=tanh",
        "block f = g -> h\n    where g = relu, shared h = tanh\n",
    ),
    "flows": ("input 3x8x8\n-> relu\ninput  a:3xHxW,b : 8", "input 3x8x8 -> relu\ninput a: 3xHxW, b: 8\n"),
    "flow without shape": ("input\n->relu", "input -> relu\n"),
    "outputs": ("output y=a->s,z=b aux h=a->s", "output y = a -> s, z = b\naux h = a -> s\n"),
    "training": (
        "train{loss=l1( y ),epochs=9 schedule=warmup(5)->cosine,} train {  }",
        "train {\n    loss = l1(y)\n    epochs = 9\n    schedule = warmup(5) -> cosine\n}\ntrain {}\n",
    ),
    "training with loops": (
        "train{a=for x,y in z{x},b=1}",
        "train {\n    a = for x, y in z { x }\n    b = 1\n}\n",
    ),
    "empty lines": ("\n\na=1\n\n\n\nb=2\nc=3   \n\n\n", "a = 1\n\nb = 2\nc = 3\n"),
    "nothing": (" \n\n", ""),
    "line ends": ("\ufeffa=1\r\nb=2\rc=3", "a = 1\nb = 2\nc = 3\n"),
}

LONG = {
    "a chain in even lines": (
        "conv3x3(64, s=2) -> bn -> relu -> conv3x3(64) -> bn -> relu -> conv3x3(128, s=2) -> bn -> relu -> maxpool2",
        """
conv3x3(64, s=2) -> bn -> relu -> conv3x3(64) -> bn
-> relu -> conv3x3(128, s=2) -> bn -> relu -> maxpool2
""",
    ),
    "a chain with its author's lines": (
        "input 3x32x32 -> conv5x5(32) ->\nmaxpool2(3) -> relu\n   -> conv5x5(32) -> maxpool2 -> conv5x5(64) -> maxpool2"
        " -> flatten\n->\nfc(64) -> fc(classes)",
        """
input 3x32x32
-> conv5x5(32)
-> maxpool2(3) -> relu
-> conv5x5(32) -> maxpool2 -> conv5x5(64) -> maxpool2 -> flatten
-> fc(64) -> fc(classes)
""",
    ),
    "labels stay": (
        "input 3x224x224 -> stage(64, 3, s=1) as layer1 -> stage(128, 4) as layer2 -> stage(256, 6) as layer3"
        " -> stage(512, 3) as layer4",
        """
input 3x224x224
-> stage(64, 3, s=1) as layer1 -> stage(128, 4) as layer2
-> stage(256, 6) as layer3 -> stage(512, 3) as layer4
""",
    ),
    "a block's body": (
        "block b(c) = conv1x1(c) -> bn -> relu -> conv3x3(c, s=s) -> bn -> relu -> conv1x1(4*c) -> bn -> more(1)",
        """
block b(c) =
    conv1x1(c) -> bn -> relu -> conv3x3(c, s=s) -> bn -> relu -> conv1x1(4 * c) -> bn -> more(1)
""",
    ),
    "arguments": (
        "block b(c, s=1) = res(conv1x1(c) -> bn -> relu -> conv3x3(c, s=s) -> bn -> relu -> conv1x1(4*c) -> bn,"
        "proj = conv1x1(4*c, s=s) -> bn)->relu",
        """
block b(c, s=1) =
    res(conv1x1(c) -> bn -> relu -> conv3x3(c, s=s) -> bn -> relu -> conv1x1(4 * c) -> bn,
        proj=conv1x1(4 * c, s=s) -> bn)
    -> relu
""",
    ),
    "a chain among arguments": (
        "res(conv1x1(c) -> bn -> relu -> conv3x3(c, s=s) -> bn -> relu -> conv1x1(4*c) -> bn -> gate(c) -> act,"
        " proj=conv1x1(4*c, s=s))",
        """
res(conv1x1(c) -> bn -> relu -> conv3x3(c, s=s) -> bn
        -> relu -> conv1x1(4 * c) -> bn -> gate(c) -> act,
    proj=conv1x1(4 * c, s=s))
""",
    ),
    "parameters": (
        "block with_a_name(channels, stride=1, expansion=6, activation=relu6, normalisation=bn, squeeze_ratio=4) = f",
        """
block with_a_name(channels, stride=1, expansion=6, activation=relu6, normalisation=bn,
        squeeze_ratio=4) =
    f
""",
    ),
    "a list of branches": (
        "block i = [unit1(a), unit1(b[0]) -> unit3(b[1]), unit1(c[0]) -> unit3(c[1]), maxpool3(s=1, p=1) -> unit1(d)]",
        """
block i = [
    unit1(a),
    unit1(b[0]) -> unit3(b[1]),
    unit1(c[0]) -> unit3(c[1]),
    maxpool3(s=1, p=1) -> unit1(d),
]
""",
    ),
    "a list in a call": (
        "x -> split([conv3x3(c) -> bn -> relu, conv5x5(c) -> bn -> relu, conv7x7(c) -> bn -> relu, maxpool3(s=1)])"
        " -> y",
        """
x
-> split([
    conv3x3(c) -> bn -> relu,
    conv5x5(c) -> bn -> relu,
    conv7x7(c) -> bn -> relu,
    maxpool3(s=1),
])
-> y
""",
    ),
    "a list of numbers": (
        f"w = [{', '.join(str(2**n) for n in range(26))}]",
        """
w = [
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072,
    262144, 524288, 1048576, 2097152, 4194304, 8388608, 16777216, 33554432,
]
""",
    ),
    "a table": (
        "block b = for t, c in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),"
        " (6, 160, 3, 2)] { f(c, t) -> g }",
        """
block b = for t, c in [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
] {
    f(c, t) -> g
}
""",
    ),
    "a loop in a flow": (
        "input 3x8x8 -> (for c, n in [(64, 2), (128, 2), (256, 3), (512, 3)] { for i in range(n) { conv3x3(c) -> relu }"
        " -> maxpool2 }) as features -> flatten",
        """
input 3x8x8
-> (for c, n in [(64, 2), (128, 2), (256, 3), (512, 3)] {
        for i in range(n) { conv3x3(c) -> relu } -> maxpool2
    }) as features
-> flatten
""",
    ),
    "a long comprehension": (
        "[dwconv(kernel_size, stride=2, padding=same, dilation=2, bias=false) -> bn -> relu"
        " for kernel_size in kernels]",
        """
[
    dwconv(kernel_size, stride=2, padding=same, dilation=2, bias=false) -> bn -> relu
    for kernel_size in kernels
]
""",
    ),
    "definitions": (
        "output joint = a -> mixed(4) as early -> down(8) -> down(8, s=1) * 3 -> split([f, g(6) if wide else id])"
        " -> gap -> fc(n), other = b -> softmax",
        """
output joint = a -> mixed(4) as early -> down(8) -> down(8, s=1) * 3
               -> split([f, g(6) if wide else id]) -> gap -> fc(n),
       other = b -> softmax
""",
    ),
    "where in several lines": (
        "block b = f -> g where f = conv3x3(c, s=2) -> bn -> relu -> conv3x3(c) -> bn -> relu,"
        " g = conv3x3(c) -> bn -> tanh, n = 3",
        """
block b = f -> g
    where f = conv3x3(c, s=2) -> bn -> relu -> conv3x3(c) -> bn -> relu,
          g = conv3x3(c) -> bn -> tanh,
          n = 3
""",
    ),
    "a sum": (
        "x = first_number_of_channels * expansion + second_number_of_channels * expansion + rest_of_the_channels",
        """
x =
    first_number_of_channels * expansion + second_number_of_channels * expansion
    + rest_of_the_channels
""",
    ),
    "a gate": (
        "id * (gap -> conv1x1(m, bias=true) -> relu -> conv1x1(cin, bias=true) -> sigmoid -> another_layer -> another)",
        """
id * (gap -> conv1x1(m, bias=true) -> relu -> conv1x1(cin, bias=true)
    -> sigmoid -> another_layer -> another)
""",
    ),
    "a sum that its author broke": (
        "x = first_number_of_channels\n + second_number_of_channels * expansion + third\n+ rest_of_all_of_the_channels",
        """
x =
    first_number_of_channels + second_number_of_channels * expansion + third
    + rest_of_all_of_the_channels
""",
    ),
    "conditions": (
        "x = (first_layer_of_them if the_first_condition_holds else second_layer_of_them if second_holds else third)",
        """
x =
    (first_layer_of_them if the_first_condition_holds else second_layer_of_them if second_holds
        else third)
""",
    ),
    "several inputs": (
        f"input {', '.join(f'camera_number_{n}: 3x224x224' for n in range(4))} -> relu",
        """
input camera_number_0: 3x224x224, camera_number_1: 3x224x224, camera_number_2: 3x224x224,
      camera_number_3: 3x224x224
-> relu
""",
    ),
}

COMMENTS = {
    "at line ends": ("a=1#one \nb=2    # two", "a = 1  #one\nb = 2  # two\n"),
    "between declarations": (
        "# top\n\n\n\n  # next\nset conv(p=1)\n# after\n\n# before\nrelu\n\n# end",
        "# top\n\n# next\nset conv(p=1)\n# after\n\n# before\nrelu\n\n# end\n",
    ),
    "alone": ("\n# a\n\n\n# b", "# a\n\n# b\n"),
    "in strings": ('use "a#b.cnn" # c', 'use "a#b.cnn"  # c\n'),
    "behind arrows": (
        "conv3x3(32) -> # first\n    bn -> # second\n    relu",
        "conv3x3(32)  # first\n-> bn  # second\n-> relu\n",
    ),
    "in a flow": (
        "input 3x8x8 # image\n# stem\n-> conv3x3(8) -> relu # on\n\n\n# body\n-> tanh",
        "input 3x8x8  # image\n# stem\n-> conv3x3(8) -> relu  # on\n\n# body\n-> tanh\n",
    ),
    "in a list": (
        "block b = [conv1x1(c), # one\n conv3x3(c) # two\n , # three\n relu\n # last\n]",
        "block b = [\n    conv1x1(c),  # one\n    conv3x3(c),  # two\n    # three\n    relu,\n    # last\n]\n",
    ),
    "behind the last entry": ("[a,\n b, # x\n]", "[\n    a,\n    b,  # x\n]\n"),
    "behind an equals sign": (
        "block b = # why\n relu -> bn\nblock c =\n  # how\n\n  # so\n  [relu]",
        "block b =  # why\n    relu -> bn\nblock c =\n    # how\n\n    # so\n    [relu]\n",
    ),
    "in arguments": (
        "f( # x\n a, b)\ng(a, b # y\n)\nh(a,\n# z\nb\n# w\n)",
        "f(  # x\n    a, b)\ng(a, b)  # y\nh(a,\n    # z\n    b\n    # w\n)\n",
    ),
    "in training": (
        "train { # how\n a=1, # one\n # two\n b=2\n # end\n}",
        "train {  # how\n    a = 1  # one\n    # two\n    b = 2\n    # end\n}\n",
    ),
    "in brackets of their own": ("[ # none\n] -> f( # x\n)", "[  # none\n]\n-> f()  # x\n"),
}


@pytest.mark.parametrize("case", SHORT)
def test_short_forms(case: str) -> None:
    text, expected = SHORT[case]
    assert formatted(text) == expected
    assert_sound(text, expected)


@pytest.mark.parametrize("case", LONG)
def test_long_forms(case: str) -> None:
    text, expected = LONG[case]
    assert formatted(text) == expected.lstrip("\n")
    assert_sound(text, expected.lstrip("\n"))
    assert max(map(len, expected.split("\n"))) <= WIDTH


@pytest.mark.parametrize("case", COMMENTS)
def test_comments(case: str) -> None:
    text, expected = COMMENTS[case]
    assert formatted(text) == expected
    assert_sound(text, expected)


# Whole programs


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.parent.name if p.name == "program.cnn" else p.stem)
def test_programs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    result = formatted(text)
    assert_sound(text, result)
    assert all(len(line) <= WIDTH for line in result.split("\n") if "#" not in line)


def test_examples_are_formatted() -> None:
    assert run(["fmt", "--check", *map(str, EXAMPLES)]) == 0


def test_wrong_programs() -> None:
    """Programs with mistakes other than of syntax are laid out, the others refused with their diagnostics."""
    laid_out = refused = 0
    for path in WRONG:
        source = Source(path.read_bytes().decode("utf-8", "replace"), path.name)
        sink = Sink()
        parse(source, sink, Limits())
        if sink.has_errors:
            refused += 1
            with pytest.raises(NetworkError) as error:
                format_source(source)
            assert error.value.diagnostics == sink.found
        else:
            laid_out += 1
            assert_sound(source.text, format_source(source))
    assert laid_out > 50 and refused > 15


@pytest.mark.parametrize("opener, closer", ["()", "[]", ("f(", ")"), ("[a, ", "]"), ("for i in x { ", "}")])
def test_deep_nesting(opener: str, closer: str) -> None:
    text = opener * 1000 + "relu" + closer * 1000
    shallow = calls_of(lambda: formatted(opener * 100 + "relu" + closer * 100))
    assert calls_of(lambda: formatted(text)) < 30 * shallow  # a square would be a hundred
    result = formatted(text)
    assert len(result) < 100 * len(text)
    assert formatted(result) == result


def test_a_long_chain() -> None:
    short, text = ("relu" + " -> relu" * (links - 1) for links in (200, 2_000))
    assert calls_of(lambda: formatted(text)) < 11 * calls_of(lambda: formatted(short))
    result = formatted(text)
    assert result.count("relu") == 2_000
    assert max(map(len, result.split("\n"))) <= WIDTH


@pytest.mark.parametrize(
    "text", ["-" * 5000 + "1", "f" + "(1)" * 5000, "1" + " if a else 1" * 5000, "1" + " ** 1" * 5000]
)
def test_depth_without_brackets(text: str) -> None:
    assert_sound(f"x = {text}", formatted(f"x = {text}"))


# Random programs

NAMES = st.sampled_from(["relu", "conv3x3", "c", "growth", "a_rather_long_name"]).map(lambda name: [name])
LEAVES = NAMES | st.sampled_from(["1", "64", "2.5e-3", ".5", "3x3", "true", '"a # b"']).map(lambda text: [text])
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "==", "<", ">=", "and", "or"]
SPACES = ["", " ", "  ", "\t", "\n", "\n\n\n", "\n    "]
GAPS = st.lists(st.sampled_from([*SPACES * 3, " #", "\n#", "\n\n# (\n\n #", " # [ =\n#"]), min_size=1, max_size=40)
Tokens = list[str]


def flat(parts: Sequence[Tokens]) -> Tokens:
    return [token for part in parts for token in part]


def tokens(*parts: "str | st.SearchStrategy[Tokens]") -> "st.SearchStrategy[Tokens]":
    """Some tokens one after another."""
    return st.tuples(*(st.just([p]) if isinstance(p, str) else p for p in parts)).map(flat)


def maybe(part: "st.SearchStrategy[Tokens]") -> "st.SearchStrategy[Tokens]":
    return st.just([]) | part


def several(part: "st.SearchStrategy[Tokens]", least: int = 0, most: int = 4, comma: bool = True):
    """Parts with commas between them, and perhaps one behind the last."""

    def join(drawn: tuple[list[Tokens], bool]) -> Tokens:
        parts, last = drawn
        found = flat([[*part, ","] for part in parts])
        return found if last and comma and parts else found[:-1]

    return st.tuples(st.lists(part, min_size=least, max_size=most), st.booleans()).map(join)


def chains(operand: "st.SearchStrategy[Tokens]") -> "st.SearchStrategy[Tokens]":
    """Chains of operands with operators, conditions and labels."""
    signed = operand | operand | tokens("-", operand)
    either = tokens(
        signed, st.lists(tokens(st.sampled_from(OPERATORS).map(lambda o: [o]), signed), max_size=2).map(flat)
    )
    choice = either | either | tokens("not", either) | tokens(either, "if", either, maybe(tokens("else", either)))
    link = choice | choice | tokens(choice, "as", NAMES)
    return tokens(link, st.lists(tokens("->", link), max_size=4).map(flat))


def compound(inner: "st.SearchStrategy[Tokens]") -> "st.SearchStrategy[Tokens]":
    """Operands with brackets."""
    chain, names = chains(inner), several(NAMES, 1, 2, comma=False)
    argument = chain | tokens(NAMES, "=", chain)
    return (
        tokens("(", chain, ")")
        | tokens("(", chain, ",", several(chain), ")")
        | tokens("[", several(chain), "]")
        | tokens("[", several(LEAVES, 1, 40), "]")
        | tokens("[", chain, "for", names, "in", inner, "]")
        | tokens("for", names, "in", inner, "{", chain, "}")
        | tokens(inner, "(", several(argument), ")")
        | tokens(inner, "[", chain, "]")
    )


CHAINS = chains(st.recursive(LEAVES, compound, max_leaves=12))
DEFINITIONS = several(tokens(NAMES, "=", CHAINS), 1, 3, comma=False)
PARAMS = maybe(tokens("(", several(NAMES | tokens(NAMES, "=", CHAINS)), ")"))
SHAPES = maybe(tokens(NAMES, ":")).flatmap(
    lambda name: st.sampled_from(["3x8x8", "3xHxW", "64"]).map(lambda s: [*name, s])
)
ITEMS = (
    tokens("net", NAMES, PARAMS)
    | tokens("set", NAMES, "(", several(tokens(NAMES, "=", CHAINS)), ")")
    | tokens("use", '"a.cnn"', maybe(tokens("(", several(NAMES, 1), ")")))
    | tokens("block", NAMES, PARAMS, "=", CHAINS, maybe(tokens("where", DEFINITIONS)))
    | tokens("block", NAMES, "=", CHAINS, "where", "shared", DEFINITIONS)
    | tokens("shared", NAMES, "=", CHAINS)
    | tokens("input", several(SHAPES, 1, 3, comma=False), maybe(tokens("->", CHAINS)))
    | tokens("input", "->", CHAINS)
    | tokens("output", several(CHAINS | tokens(NAMES, "=", CHAINS), 1, 3, comma=False))
    | tokens("aux", DEFINITIONS)
    | tokens("train", "{", st.lists(tokens(NAMES, "=", CHAINS, maybe(st.just([","])))).map(flat), "}")
    | tokens(NAMES, "=", CHAINS)
)


def join(parts: Tokens, gaps: list[str]) -> str:
    """A program's text: tokens with gaps between them, the comments in them numbered."""
    text, number = "", 0
    for token, gap in zip(parts, cycle(gaps), strict=False):
        glued = text[-1:] + token[0]
        if gap == "" and (re.fullmatch(r'[\w."]{2}|[-+*/<>=!]{2}', glued)):
            gap = " "
        if "#" in gap:
            number += 1
            gap = gap.replace("#", f"# {number} ") + "\n"
        text += gap + token
    return text


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ITEMS, max_size=3).map(flat), GAPS)
def test_random_programs(parts: Tokens, gaps: list[str]) -> None:
    text = join(parts, gaps)
    assert_sound(text, formatted(text))


# Meaning


@pytest.mark.parametrize(
    "a, b",
    [
        ("x = 1", "x = 2"), ("x = 1", "x = 1.0"), ("x = 1", "x = true"), ("x = a", "x = (a)"), ("x = (a,)", "x = (a)"),
        ("a -> b", "(a -> b)"), ("f(a, b)", "f(a, b=b)"), ('use "a"', 'use "b"'), ("a", "a a = 1"),
    ],
)  # fmt: skip
def test_other_meanings_are_noticed(a: str, b: str) -> None:
    assert same_meaning(tree(a), tree(a))
    assert not same_meaning(tree(a), tree(b))


@pytest.mark.parametrize("damage", ["conv3x3(9)  # c\n", "conv3x3(8)\n", "conv3x3(8  # c\n"])
def test_a_fault_changes_no_file(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a layout change a number, lose a comment or be no program, the file stays and the fault is admitted."""
    path = tmp_path / "a.cnn"
    path.write_text("conv3x3( 8 ) # c\n")
    monkeypatch.setattr(Formatter, "file", lambda self, tree: damage)
    with pytest.raises(InternalError) as error:
        formatting.format_source(Source(path.read_text()))
    assert error.value.code == "E0901"
    assert run(["fmt", str(path)]) == 3
    assert path.read_text() == "conv3x3( 8 ) # c\n"


# The command


def test_files_are_rewritten_only_if_they_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, other = tmp_path / "good.cnn", tmp_path / "other.cnn"
    good.write_text("relu -> bn\n")
    other.write_text("relu->bn")
    other.chmod(0o640)
    before = good.stat()
    assert run(["fmt", str(good), str(other)]) == 0
    assert capsys.readouterr().out == f"formatted {other}\n"
    assert other.read_text() == good.read_text() == "relu -> bn\n"
    assert good.stat().st_ino == before.st_ino and other.stat().st_mode & 0o777 == 0o640
    assert run(["fmt", str(good), str(other)]) == 0
    assert capsys.readouterr().out == ""


def test_check_only_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, other = tmp_path / "good.cnn", tmp_path / "other.cnn"
    good.write_text("relu -> bn\n")
    other.write_text("relu->bn")
    assert run(["fmt", "--check", str(other), str(good)]) == 1
    assert capsys.readouterr().out == f"would format {other}\n"
    assert other.read_text() == "relu->bn"
    assert run(["fmt", "--check", str(good)]) == 0


@pytest.mark.parametrize("text", ["\ufeffrelu -> bn\n", "relu -> bn\r\n"])
def test_line_ends_alone_are_a_change(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.cnn"
    path.write_bytes(text.encode())
    assert run(["fmt", "--check", str(path)]) == 1
    assert run(["fmt", str(path)]) == 0
    assert path.read_bytes() == b"relu -> bn\n"


@pytest.mark.parametrize(
    "options, text, status, shown",
    [
        ((), "conv( 3×3 )# ×", 0, "conv(3×3)  # ×\n"),
        ((), "conv(3)\n", 0, "conv(3)\n"),
        ((), "conv(", 1, ""),
        (("--check",), "conv(3 )", 1, "would format -\n"),
        (("--check",), "conv(3)\n", 0, ""),
    ],
)
def test_standard_input(
    options: tuple[str, ...],
    text: str,
    status: int,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert run(["fmt", *options, "-"]) == status
    assert capsys.readouterr().out == shown


def test_wrong_files_do_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, good, link = tmp_path / "bad.cnn", tmp_path / "good.cnn", tmp_path / "link.cnn"
    bad.write_text("relu -> -> bn")
    good.write_text("relu->bn")
    assert run(["fmt", str(bad), str(good)]) == 1
    shown = capsys.readouterr()
    assert shown.out == f"formatted {good}\n" and "error[E0102]" in shown.err
    assert bad.read_text() == "relu -> -> bn" and good.read_text() == "relu -> bn\n"
    good.write_text("relu->bn")
    assert run(["fmt", str(bad), str(tmp_path / "missing.cnn"), str(good)]) == 2
    assert good.read_text() == "relu -> bn\n"
    good.write_text("relu->bn")
    link.symlink_to(good)
    assert run(["fmt", str(link)]) == 2
    assert link.is_symlink() and good.read_text() == "relu->bn"
    good.write_bytes(b"\xff\xfe")
    assert run(["fmt", str(good)]) == 1
    good.write_text("relu -> bn")
    assert run(["fmt", str(good), "--max-bytes", "3"]) == 2
    assert run(["fmt"]) == 2
