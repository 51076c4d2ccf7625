"""Small texts that ask for much, and texts that are large themselves: refused, with little work and memory."""

from collections.abc import Callable
from pathlib import Path

import cnnc
import pytest
from cnnc.compiler.brackets import too_long
from cnnc.compiler.cli import run
from conftest import calls_of
from workers import run_cases

LIST = "[[j for j in range(9999)] for i in range(9999)]"


def doubled(first: str, form: str, use: str, times: int = 60) -> str:
    """Bindings of which each holds the one before twice."""
    names = [f"v{i + 1} = {form.replace('@', f'v{i}')}" for i in range(times)]
    return "\n".join([f"v0 = {first}", *names, use.replace("@", f"v{times}")])


def chained(last: str, form: str, times: int = 40) -> str:
    """`where` names of which each holds the next twice."""
    names = [f"a{i} = {form.replace('@', f'a{i + 1}')}" for i in range(times)]
    return f"block z = id\nblock b = a0 where {', '.join(names)}, a{times} = {last}\ninput 3xHxW -> b"


HOSTILE = {
    "lists of lists": (f"input 3x8x8 -> conv1x1(len({LIST}))", "E0407"),
    "a default of a block": (f"block b(n, t={LIST}) = conv1x1(n)\ninput 3x8x8 -> b(1)", "E0407"),
    "a default of an unused block": (f"block b(t={LIST}) = relu\ninput 3x8x8 -> relu", "E0407"),
    "a build parameter": (f"net n(a={LIST})\ninput 3x8x8 -> conv1x1(len(a))", "E0407"),
    "a set line": (f"set conv(p={LIST})\ninput 3x8x8 -> conv3x3(4)", "E0407"),
    "a learning rate": (
        f"input 3x8x8 -> gap -> fc(9)\ntrain {{ loss = cross_entropy\n optimizer = sgd(lr=len({LIST})) }}",
        "E0407",
    ),
    "sums of sums": ("input 3x8x8 -> conv1x1(sum([sum(range(999)) for i in range(9999)]))", "E0407"),
    "comparisons": (
        "t = [i for i in range(999)]\ninput 3x8x8 -> conv1x1(sum([1 if t == t + [] else 2 for j in range(9999)]))",
        "E0407",
    ),
    "smallest of long lists": (
        "t = range(999)\ninput 3x8x8 -> conv1x1(max([min(t) + 1 for j in range(9999)]))",
        "E0407",
    ),
    "loops of nothing": ("input 3x8x8 -> for i in range(9999) { for j in range(9999) { id } }", "E0407"),
    "loops without a turn": (
        "input 3x8x8 -> for i in range(9999) { for j in range(9999) { (relu if i < 0) } }",
        "E0407",
    ),
    "entries of branches": ("input 3x8x8 -> for i in range(999) { [relu for j in range(999)][i] }", "E0407"),
    "a list for many blocks": (
        "block b(n, t) = conv1x1(n)\nt = [j for j in range(9999)]\ninput 3x8x8 -> for i in range(999) { b(i + 1, t) }",
        "E0407",
    ),
    "a list that recursion grows": (
        "block b(n) = b(n + [1]) if len(n) < 9999 else relu\ninput 3x8x8 -> b([1])",
        "E0407",
    ),
    "recursion with unlike numbers": (
        "block b(n, m) = (b(n - 1, 2*m) -> b(n - 1, 2*m + 1)) if n > 0\ninput 3x8x8 -> b(60, 1)",
        "E0407",
    ),
    "recursion with unlike layers": (
        "block b(n, f) = (b(n - 1, f -> relu) -> b(n - 1, f -> id)) if n > 0\ninput 3x8x8 -> b(60, id)",
        "E0407",
    ),
    "names of nothing": (chained("id", "@ -> @"), "E0407"),
    "names of blocks": (chained("z", "@ -> @"), "E0404"),
    "names of layers": (chained("relu", "@ -> @"), "E0404"),
    "names of branches": (chained("relu", "[@, @]"), "E0404"),
    "names of sums": (chained("relu", "(@ + @)"), "E0404"),
    "names of formulas": (chained("hin + win", "@ * @"), "E0366"),
    "names of powers": (chained("hin + win", "@ ** 8"), "E0366"),
    "names of coefficients": (chained("hin", "2 ** 500 * @", 4), "E0406"),
    "recursion with formulas": (
        "block b(n, x) = b(n - 1, (x * 3 + n) // 2) if n > 0 else conv1x1(x)\ninput 3xHxW -> b(999, hin)",
        "E0366",
    ),
    "sums of formulas": ("input 3xHxW -> relu -> conv1x1(sum([hin // (i + 2) for i in range(600)]))", "E0366"),
    "products of formulas": (
        "block b(a, c) = conv1x1(sum([a * c for i in range(9999)]))\n"
        "input 3xHxW -> b((hin + win + 1) ** 2, (hin + win + 1) ** 4)",
        "E0407",
    ),
    "the largest of formulas": (
        "block b(t) = conv1x1(sum([max(t) for i in range(9999)]))\n"
        "input 3xHxW -> b([hin // (i + 2) for i in range(99)])",
        "E0407",
    ),
    "comparisons of formulas": (
        "block b(a) = conv1x1(sum([1 if a < a + i + 1 else 2 for i in range(9999)]))\n"
        "input 3xHxW -> b((hin + win) ** 8)",
        "E0407",
    ),
    "formulas of layers": ("input 3xHxW -> for i in range(60) { upsample(3) -> conv3x3(3, s=2) }", "E0366"),
    "lists that double": (doubled("[1]", "@ + @", "input 3x8x8 -> conv1x1(len(@))"), "E0405"),
    "lists of two": (doubled("[1]", "[@, @]", "input 3x8x8 -> conv1x1(len(@))"), "E0405"),
    "tuples of two": (doubled("(1, 2)", "(@, @)", "input 3x8x8 -> conv1x1(len(@))"), "E0405"),
    "squares": (doubled("3", "@ * @", "input 3x8x8 -> conv1x1(@)"), "E0406"),
    "a tower of powers": ("input 3x8x8 -> conv1x1(9**9**9)", "E0406"),
    "a long power": ("input 3x8x8 -> conv1x1(2**99999999)", "E0406"),
    "a range of many": ("input 3x8x8 -> conv1x1(len(range(10**300)))", "E0405"),
    "a range down": ("input 3x8x8 -> conv1x1(len(range(10**300, 0, -2)))", "E0405"),
    "blocks of blocks": (
        "block s0 = id\n" + "\n".join(f"block s{i + 1} = s{i} -> s{i}" for i in range(60)) + "\ninput 3x8x8 -> s60",
        "E0404",
    ),
    "shared layers of shared layers": (
        "shared s0 = relu\n" + "\n".join(f"shared s{i + 1} = s{i} -> s{i}" for i in range(60)) + "\ninput 3x8x8 -> s60",
        "E0404",
    ),
}
"""Programs of a few lines, and the code that refuses each."""

FEW = cnnc.Limits(max_work=20_000, max_list=10_000)


@pytest.mark.parametrize("kind", HOSTILE)
def test_little_is_done_for_a_program_that_asks_for_much(kind: str) -> None:
    text, code = HOSTILE[kind]
    found: list[str] = []
    calls = calls_of(lambda: found.extend(d.code for d in cnnc.check(text, limits=FEW) if d.is_error))
    assert set(found) == {code}
    assert calls < 60 * FEW.max_work


def run_all(texts: list[str]) -> list[list[str]]:
    return [[d.code for d in cnnc.check(text) if d.is_error] for text in texts]


def bounded(work: Callable[[object], object], case: object) -> object:
    """What some work gives in a process of its own, within 512 MiB."""
    (outcome,) = run_cases(work, [case], processes=1, deadline=120, memory=512 * 2**20)
    assert not outcome.failure
    return outcome.value


def test_the_default_limits_keep_within_memory() -> None:
    kinds = ("lists of lists", "loops of nothing", "recursion with unlike numbers", "a range of many")
    assert bounded(run_all, [HOSTILE[kind][0] for kind in kinds]) == [[HOSTILE[kind][1]] for kind in kinds]


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("shared s = relu * 100\nshared t = s -> s\ninput 3x8x8 -> t -> s", 300),
        ("shared s = relu * 100\nblock b = s -> relu\ninput 3x8x8 -> b * 5", 505),
        ("block b = s -> s where shared s = relu * 100\ninput 3x8x8 -> b", 200),
    ],
)
def test_shared_layers_count_as_what_they_hold(text: str, layers: int) -> None:
    assert cnnc.check(text, limits=cnnc.Limits(max_layers=layers)) == []
    assert [d.code for d in cnnc.check(text, limits=cnnc.Limits(max_layers=layers - 1))] == ["E0404"]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_entries_of_lists_in_lists_are_counted(depth: int) -> None:
    text = "input 3x8x8 -> conv1x1(len(" + "[" * depth + "1, 2, 3" + "]" * depth + "))"
    assert cnnc.check(text, limits=cnnc.Limits(max_list=3 + depth - 1)) == []
    (found,) = cnnc.check(text, limits=cnnc.Limits(max_list=2 + depth - 1))
    assert (found.code, found.facts["length"]) == ("E0405", 3 + depth - 1)


def test_more_work_where_more_is_built() -> None:
    """What layers take is not counted against the rest: 4,000 of them take more than 4,000 steps."""
    text = "input 3x8x8 -> for i in range(2000) { relu -> tanh }"
    assert cnnc.check(text, limits=cnnc.Limits(max_work=4000)) == []


NAME = "n" * 128


@pytest.mark.parametrize(
    "form",
    [
        "input 3x8x8 -> relu as @",
        "block @ = relu\ninput 3x8x8 -> @",
        "block b(@) = conv1x1(@)\ninput 3x8x8 -> b(1)",
        "block b(@) = conv1x1(@)\ninput 3x8x8 -> b(@=1)",
        "net @(k=1)\ninput 3x8x8 -> conv1x1(k)",
        "input @: 3x8x8\noutput y = @ -> relu",
        "input a: 3x8x8\noutput @ = a -> relu",
        "input 3x8x8 -> for @ in [1] { conv1x1(@) }",
        "shared @ = relu\ninput 3x8x8 -> @",
        "block b = @ where @ = relu\ninput 3x8x8 -> b",
    ],
)
def test_names_have_an_end(form: str) -> None:
    assert [d.code for d in cnnc.check(form.replace("@", NAME)) if d.is_error] == []
    longer = [d for d in cnnc.check(form.replace("@", f"{NAME}n")) if d.is_error]
    assert {d.code for d in longer} == {"E0409"} and len(longer) == form.count("@")
    assert longer[0].span is not None and longer[0].span.text == f"{NAME}n"


def test_names_that_scopes_join_may_be_long() -> None:
    net = cnnc.compile(f"block {NAME} = conv1x1(3) -> bn\ninput 3x8x8 -> {NAME} -> relu as x -> {NAME} as {'y' * 128}")
    assert f"{'y' * 128}" in net.torch_source()


def test_a_name_is_no_pattern() -> None:
    """The label that is looked for is compared and not searched for as a regular expression."""
    (found,) = (d for d in cnnc.check("block b = (relu as ab) -> tanh\ninput 3x8x8 -> b -> a") if d.is_error)
    assert "label" not in found.help


MIB = 2**20
LINES = {
    "a comment": "#" + "c" * 10 * MIB,
    "spaces": "input 3x8x8 -> relu" + " " * 10 * MIB,
    "digits": f"input 3x8x8 -> conv1x1({'9' * 10 * MIB})",
    "a name": "input 3x8x8 -> " + "n" * 10 * MIB,
    "brackets": "(" * 10 * MIB,
    "pairs of brackets": "()" * 5 * MIB,
    "a chain": "input 3x8x8 -> " + "relu -> " * (10 * MIB // 8) + "relu",
    "a list": f"v = [{'1,' * 5 * MIB}]\ninput 3x8x8 -> relu",
    "a shape": "input 3" + " x 3" * (10 * MIB // 4),
    "strange letters": "é" * 5 * MIB,
    "quotes": '"' * 10 * MIB,
}
OUT = {"compile": ("-o", "out.py"), "draw": ("-o", "out.svg")}


def every_command(path: str) -> list[int]:
    commands = ("check", "fmt", "analyze", "compile", "draw", "advise", "diff")
    return [run([name, path, *OUT.get(name, (path,) if name == "diff" else ())]) for name in commands]


@pytest.mark.parametrize("kind", LINES)
def test_a_line_of_ten_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Every command refuses it, shows the place, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    Path("long.cnn").write_text(LINES[kind], encoding="utf-8")
    assert bounded(every_command, "long.cnn") == [1] * 7
    assert [path.name for path in tmp_path.iterdir()] == ["long.cnn"]
    calls = calls_of(lambda: cnnc.check(LINES[kind]))
    assert calls < 20_000


def test_only_lines_are_measured() -> None:
    for text in ("", "a", "aaa", "aaa\n", "aaa\naaa\n\naaa", "\n\n\n\n\n\n", "aa\n" * 50):
        assert too_long(text, 3) is None
    assert [too_long(text, 3) for text in ("aaaa", "a\naaaa", "aaa\naaa\naaaa\naa", "\n\naaaaaaaa")] == [0, 2, 8, 2]
    text = "relu -> relu\n-> " * 100_000 + "relu"
    assert too_long(text, MIB) is None and calls_of(lambda: too_long(text, MIB)) < 50


def test_messages_show_the_part_of_a_line_that_matters() -> None:
    text = "input 3x8x8 -> " + "relu -> " * 100_000 + "rellu -> " + "tanh -> " * 20_000 + "tanh"
    (found,) = cnnc.check(text)
    shown = str(cnnc.NetworkError([found])) if hasattr(cnnc, "NetworkError") else ""
    assert "rellu" in shown and max(map(len, shown.split("\n"))) < 200
    assert calls_of(lambda: str(cnnc.NetworkError([found]))) < 5_000
