"""grammar/cnn.tmLanguage.json: editors see the tokens that cnnc's own lexer sees, in every example."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from cnnc import grammar
from cnnc.compiler.elaborate.arithmetic import FUNCTIONS
from cnnc.compiler.elaborate.names import COMBINATORS, EXTENTS, WORDS
from cnnc.compiler.ops import NAMES
from cnnc.compiler.parse import TokenFilter
from cnnc.compiler.reference import entries
from conftest import EXAMPLES, ROOT

TEXTMATE = json.loads((ROOT / "grammar/cnn.tmLanguage.json").read_text())
REPOSITORY = TEXTMATE["repository"]
Rule = dict[str, Any]
Scopes = tuple[str, ...]


class Open(NamedTuple):
    """A `begin` whose `end` has not come yet."""

    rules: list[Rule]
    end: str | None
    end_captures: Rule
    scopes: Scopes


def flat(rules: list[Rule]) -> Iterator[Rule]:
    """Rules with a pattern of their own, in order, includes and groups replaced by what they hold."""
    for rule in rules:
        if "include" in rule:
            yield from flat([REPOSITORY[rule["include"].removeprefix("#")]])
        elif "match" in rule or "begin" in rule:
            yield rule
        else:
            yield from flat(rule["patterns"])


def scopes_of(text: str) -> list[Scopes]:
    """The scopes of every character, below the root, by TextMate's rules: line by line, the leftmost match wins, then
    the end of what is open, then the order in the grammar."""
    found: list[Scopes] = []
    stack = [Open(list(flat(TEXTMATE["patterns"])), None, {}, ())]
    for line in text.split("\n"):
        scopes: list[Scopes] = [()] * len(line)
        at = 0
        while at < len(line):
            now = stack[-1]
            matches: list[tuple[Rule | None, re.Match[str]]] = []
            if now.end is not None and (match := re.compile(now.end).search(line, at)):
                matches.append((None, match))
            for rule in now.rules:
                if match := re.compile(rule.get("match") or rule["begin"]).search(line, at):
                    matches.append((rule, match))
            if not matches:
                scopes[at:] = [now.scopes] * (len(line) - at)
                break
            rule, match = min(matches, key=lambda pair: pair[1].start())
            start, end = match.span()
            assert end > start, f"{match.re.pattern} matches nothing"
            scopes[at:start] = [now.scopes] * (start - at)
            inner = now.scopes + ((rule["name"],) if rule and "name" in rule else ())
            scopes[start:end] = [inner] * (end - start)
            captures = now.end_captures if rule is None else rule.get("captures") or rule.get("beginCaptures") or {}
            for number, capture in captures.items():
                first, last = match.span(int(number))
                scopes[first:last] = [(*inner, capture["name"])] * (last - first)
            if rule is None:
                stack.pop()
            elif "begin" in rule:
                stack.append(Open(list(flat(rule["patterns"])), rule["end"], rule.get("endCaptures", {}), inner))
            at = end
        found += [*scopes, ()]
    return found[:-1]


DECLARATIONS = {"NET", "SET", "USE", "BLOCK", "WHERE", "SHARED", "INPUT", "OUTPUT", "AUX", "TRAIN"}
CONTROL = {"AS", "IF", "ELSE", "FOR", "IN"}
LOGIC = {"AND", "OR", "NOT"}
NAME_SCOPES = ("entity.name.", "variable.", "support.function.", "constant.language.word.")
EXPECTED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(DECLARATIONS, ("keyword.declaration.cnn",)),
    **dict.fromkeys(CONTROL, ("keyword.control.cnn",)),
    **dict.fromkeys(LOGIC, ("keyword.operator.logical.cnn",)),
    **dict.fromkeys(("TRUE", "FALSE"), ("constant.language.boolean.cnn",)),
    **dict.fromkeys(("EQ", "NE", "LE", "GE", "LT", "GT"), ("keyword.operator.comparison.cnn",)),
    **dict.fromkeys(
        ("PLUS", "MINUS", "NEG", "POWER", "STAR", "FLOORDIV", "SLASH", "PERCENT"), ("keyword.operator.arithmetic.cnn",)
    ),
    **dict.fromkeys(("LPAR", "RPAR", "CALL"), ("punctuation.section.parens.",)),
    **dict.fromkeys(("LSQB", "RSQB", "INDEX"), ("punctuation.section.brackets.",)),
    **dict.fromkeys(("LBRACE", "RBRACE"), ("punctuation.section.braces.",)),
    "ARROW": ("keyword.operator.arrow.cnn",),
    "EQUAL": ("keyword.operator.assignment.cnn",),
    "COMMA": ("punctuation.separator.comma.cnn",),
    "COLON": ("punctuation.separator.colon.cnn",),
    "NUMBER": ("constant.numeric.cnn",),
    "DIMS": ("constant.numeric.shape.cnn",),
    "STRING": ("string.quoted.double.cnn",),
    "NAME": NAME_SCOPES,
}
LEXER = grammar.load_tables(postlex=TokenFilter())


def check(text: str) -> None:
    """Every token has the scope of its type, whole; what lies between tokens is comment or has no scope."""
    scopes = scopes_of(text)
    assert len(scopes) == len(text)
    at = 0
    for token in [*LEXER.lex(text), None]:
        start, end = (token.start_pos, token.end_pos) if token else (len(text), len(text))
        for match in re.finditer(r"#[^\n]*|\s+", text[at:start]):
            want = "comment.line.number-sign.cnn" if match.group()[0] == "#" else None
            for offset in range(at + match.start(), at + match.end()):
                assert (scopes[offset][:1] or (None,)) == (want,), place(text, offset, scopes[offset])
        if token is None:
            break
        for offset in range(start, end):
            scope = scopes[offset][-1] if scopes[offset] else ""
            suffix = (
                token.type == "NAME" and scope == "constant.numeric.kernel.cnn" and is_suffix(token, offset - start)
            )
            assert scope.startswith(EXPECTED[token.type]) or suffix, place(text, offset, scopes[offset])
        at = end


def is_suffix(name: str, index: int) -> bool:
    """Whether a character belongs to the kernel at the end of a name."""
    return re.search(r"\d+(x\d+)*$", name).start() <= index


def place(text: str, offset: int, scopes: Scopes) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"line {line}: {text[offset : offset + 20]!r} has {scopes}"


@pytest.mark.parametrize("path", [*EXAMPLES, ROOT / "grammar/prelude.cnn"], ids=lambda path: path.stem)
def test_file(path: Any) -> None:
    check(path.read_text())


def test_programs_of_the_reference() -> None:
    page = (ROOT / "grammar/language.md").read_text()
    programs = re.findall(r"^```cnn[^\n]*\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(programs) > 50
    for program in programs:
        check(program)


def test_every_kind_of_token() -> None:
    """One text with all tokens of the grammar, so that none goes unchecked for want of an example."""
    text = """net n(a=1, b=(1, 2))  # "quoted" -> in a comment
    set conv(p=same, bias=false) use "x#y.cnn" (a, b)
    block f(x, y=2.5e-3,) = x * y / x - -x + x // 2 % 3 ** .5
        where x = 1, shared z = relu6
    shared s = relu6 -> maxpool2 -> (id if a == 1 and b != 2 or not a <= 3 else res(f, proj=g))
    input a: 3x8×8, b: 3xHxW output y = a -> s as out, z = b[0] -> s
    aux h = for i, j in [(1, 2)] { conv3x3x3(i < 2, j > 2, true >= 5.) }
    t = a -> conv1x1 train { loss = cross_entropy(y), epochs = 9 }"""
    check(text)
    seen = {token.type for token in LEXER.lex(text)}
    terminals = set(re.findall(r"^([A-Z]+)(?:\.\d)?: ", grammar.grammar_text(), re.MULTILINE))
    assert seen == terminals == set(EXPECTED)


@pytest.mark.parametrize(
    ("text", "part", "scope"),
    [
        ("relu -> conv3x3(8)", "conv", "support.function.layer.cnn"),
        ("relu -> conv3x3(8)", "3x3", "constant.numeric.kernel.cnn"),
        ("conv3x3(8)", "3x3", "constant.numeric.kernel.cnn"),
        ("maxpool2 -> relu", "2", "constant.numeric.kernel.cnn"),
        ("tanh -> relu6 -> tanh", "relu6", "support.function.layer.cnn"),
        ("relu6 -> tanh", "relu6", "support.function.layer.cnn"),
        ("block unit3(c) = relu", "unit3", "entity.name.function.cnn"),
        ("shared embed = relu", "embed", "entity.name.function.cnn"),
        ("relu as stem -> tanh", "stem", "entity.name.label.cnn"),
        ("conv(8, k=3)", "k", "variable.parameter.cnn"),
        ("conv(8,\n     k =3)", "k", "variable.parameter.cnn"),
        ("width = 8", "width", "variable.other.definition.cnn"),
        ("output y = a -> f", "y", "variable.other.definition.cnn"),
        ("relu if n == 3 else tanh", "n", "variable.other.cnn"),
        ("conv(8, p=same)", "same", "constant.language.word.cnn"),
        ("conv(8, 3, 1, same_upper)", "same_upper", "constant.language.word.cnn"),
        ("conv(8, pad_mode = reflect)", "reflect", "constant.language.word.cnn"),
        ("conv(channels, 3)", "channels", "variable.other.cnn"),
        ("conv1x1(2 * cin)", "cin", "variable.language.extent.cnn"),
        ("conv1x1(max(1, 2))", "max", "support.function.number.cnn"),
        ("(id + relu)", "id", "support.function.combinator.cnn"),
        ("input 3x224x224 -> relu", "3x224x224", "constant.numeric.shape.cnn"),
        ("input 3xHxW -> relu", "3xHxW", "constant.numeric.shape.cnn"),
        ("conv1x1(1_000)", "1_000", "invalid.illegal.number.cnn"),
        ('use "a.cnn', '"a.cnn', "invalid.illegal.unclosed-string.cnn"),
        ("relu)", ")", "invalid.illegal.bracket.cnn"),
        ("forward -> inputs -> nets", "forward", "support.function.layer.cnn"),
        ("forward -> inputs -> nets", "nets", "support.function.layer.cnn"),
    ],
)
def test_scope(text: str, part: str, scope: str) -> None:
    start = text.index(part)
    assert {found[-1] for found in scopes_of(text)[start : start + len(part)]} == {scope}


def test_the_check_can_fail() -> None:
    """A word that the lexer takes for a keyword and the grammar for a name is found."""
    rule = REPOSITORY["control"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(AssertionError, match="line 2: 'for"):
        patch.setitem(rule, "match", rule["match"].replace("for|", ""))
        check("# a loop\nfor i in [1] { relu }")


def listed(pattern: str) -> list[str]:
    """The words of the first list in a pattern, such as `(and|not|or)`."""
    found = re.search(r"[(:]([a-z_0-9]+(?:\|[a-z_0-9]+)*)\)", pattern)
    assert found
    return found[1].split("|")


def lark_words(names: set[str]) -> set[str]:
    """The words of terminals of cnn.lark."""
    words = dict(re.findall(r"^([A-Z]+)\.2: /(\w+)\\b/$", grammar.grammar_text(), re.MULTILINE))
    assert names <= set(words)
    return {words[name] for name in names}


def test_keywords_are_those_of_the_grammar() -> None:
    all_words = set(re.findall(r"^[A-Z]+\.2: /(\w+)\\b/$", grammar.grammar_text(), re.MULTILINE))
    booleans, control = listed(REPOSITORY["boolean"]["match"]), listed(REPOSITORY["control"]["match"])
    logic, declarations = (
        listed(REPOSITORY["logic"]["match"]),
        listed(REPOSITORY["declaration"]["patterns"][1]["match"]),
    )
    label = listed(REPOSITORY["label"]["match"])
    assert sorted(booleans + control + logic + declarations + label) == sorted(all_words)
    assert set(booleans) == lark_words({"TRUE", "FALSE"})
    assert set(control + label) == lark_words(CONTROL)
    assert set(logic) == lark_words(LOGIC)
    assert set(declarations) == lark_words(DECLARATIONS)
    assert set(listed(REPOSITORY["declaration"]["patterns"][0]["match"])) < set(declarations)
    arrow = REPOSITORY["operator"]["patterns"][0]["match"]
    assert set(listed(arrow[arrow.index("(?!(?:") :])) == all_words


def test_other_lists_are_complete() -> None:
    """What the grammar lists of the language beyond keywords; add a word here when an argument accepts a new one."""
    extents, combinators, functions, digit, *_ = [rule["match"] for rule in REPOSITORY["name"]["patterns"]]
    assert set(listed(extents)) == set(EXTENTS)
    assert set(listed(combinators)) == set(COMBINATORS)
    assert set(listed(functions)) == set(FUNCTIONS)
    ending_in_a_digit = {name for name in {*NAMES, *entries()} if name[-1].isdigit()}
    assert digit == rf"\b{'|'.join(sorted(ending_in_a_digit))}\b"
    words = [word for rule in REPOSITORY["word"]["patterns"] for word in listed(rule["match"])]
    assert sorted(words) == sorted(WORDS - {*NAMES, *entries()})


def test_form() -> None:
    """Scopes end in the language's name, includes lead somewhere, and everything defined is used."""
    text = json.dumps(TEXTMATE)
    names = re.findall(r'"name": "([^"]+)"', text)
    assert TEXTMATE["scopeName"] == "source.cnn" and TEXTMATE["fileTypes"] == ["cnn"]
    assert all(name.endswith(".cnn") for name in names if name != TEXTMATE["name"])
    assert set(re.findall(r'"include": "#([\w-]+)"', text)) == set(REPOSITORY)
