"""grammar/language.md: every example does what the page says, and nothing of the language is left out."""

import re
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import cnnc
import pytest
from cnnc.compiler.catalogue import CATALOGUE
from cnnc.compiler.elaborate.arithmetic import FUNCTIONS
from cnnc.compiler.elaborate.modules import prelude_names
from cnnc.compiler.elaborate.names import COMBINATORS, CONVERTIBLE
from cnnc.compiler.ir import weights_of
from cnnc.compiler.limits import Limits
from cnnc.compiler.ops.kinds import Padding
from cnnc.compiler.recipe.options import OPTIONS
from cnnc.compiler.reference import TRAINING, entries
from cnnc.grammar import grammar_text, prelude_text
from conftest import ROOT

PAGE = (ROOT / "grammar/language.md").read_text()
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
CLAIM = re.compile(r"#\s+(?P<claim>[EW]\d{4}|\d+(?:x\d+)*)\b[^#]*$")
SHAPE = re.compile(r"\d+(x\d+)+")


class Example(NamedTuple):
    """One program of the page, and what the page says of it."""

    line: int
    text: str
    shape: str | None
    code: str | None
    """The diagnostic that is reported; None for a program without remarks."""
    out: str | None
    """The first output's shape, where it is given."""
    names: list[str] | None
    """The paths of layers with weights, where they are given."""


class Page(NamedTuple):
    examples: list[Example]
    files: dict[str, str]
    """What `use` lines of the examples read."""


def read_page(page: str) -> Page:
    """Examples are fenced as `cnn`, `cnn 3x32x32`, `cnn error E0105 3x32x32` or `cnn warning W0603`.

    With `each`, every line is an example. `cnn file NAME` is a file for others; `names` belongs to the example before.
    A comment at the end that begins with a shape or a code states what comes out.
    """
    examples: list[Example] = []
    files: dict[str, str] = {}
    for match in FENCE.finditer(page):
        kind, *words = match["info"].split() or [""]
        text, line = match["text"], page.count("\n", 0, match.start()) + 2
        if kind == "names":
            examples[-1] = examples[-1]._replace(names=text.split())
        elif kind == "cnn" and words[:1] == ["file"]:
            files[words[1]] = text
        elif kind == "cnn":
            code = words[1] if words[:1] in (["error"], ["warning"]) else None
            shape = next((word for word in words if SHAPE.fullmatch(word)), None)
            known = len(words) == ("each" in words) + (shape is not None) + 2 * (code is not None)
            assert known, f"language.md:{line - 1}: unknown mark: {match['info']}"
            parts = text.splitlines() if "each" in words else [text]
            for index, part in enumerate(parts):
                found = CLAIM.search(part.rstrip())
                assert found or "each" not in words, f"language.md:{line + index}: the line states nothing: {part}"
                claim = found["claim"] if found else ""
                said, out = (claim, None) if claim[:1] in ("E", "W") else (code, claim or None)
                examples.append(Example(line + index, part, shape, said or None, out, None))
        else:
            raise AssertionError(f"language.md:{line - 1}: unknown block: {match['info']}")
    return Page(examples, files)


READ = read_page(PAGE)


def lookup(name: str) -> str:
    """What names in backticks on the page are searched by: the name on its own, or before its arguments."""
    return rf"`(?:[^`\n]*[^`\n\w])?{re.escape(name)}(?![\w])[^`\n]*`"


def prose() -> str:
    """The page without its examples."""
    return FENCE.sub("", PAGE)


@pytest.mark.parametrize("example", READ.examples, ids=lambda e: f"line{e.line}")
def test_example(example: Example, tmp_path: Path) -> None:
    for name, text in READ.files.items():
        (tmp_path / name).write_text(text)
    path = tmp_path / "example.cnn"
    path.write_text(example.text)
    try:
        net = cnnc.load(path, input=example.shape)
    except cnnc.CnncError as error:
        assert example.code in {d.code for d in error.diagnostics if d.is_error}, str(error)
        return
    assert [d.code for d in net.warnings] == ([example.code] if example.code else []), net.warnings
    if example.out is not None:
        assert net.output_shape[1:] == tuple(map(int, example.out.split("x")))
    if example.names is not None:
        paths = dict.fromkeys(name.rpartition(".")[0] for name, _, _ in weights_of(net.graph))
        assert list(paths) == example.names
        assert set(paths) == {key.rpartition(".")[0] for key in net.to_torch(seed=0).state_dict()}


def test_files_of_examples_compile(tmp_path: Path) -> None:
    for name, text in READ.files.items():
        (tmp_path / name).write_text(text)
        assert not [d for d in cnnc.check(text) if d.is_error]


def test_claims_are_read() -> None:
    """The reader of the page finds what it should, so that no example passes by being overlooked."""
    assert len(READ.examples) > 130
    assert sum(e.names is not None for e in READ.examples) == PAGE.count("```names\n") > 10
    assert sum(e.code is not None for e in READ.examples) > 40
    example = read_page("```cnn each 3x8x8\nrelu  # 3x8x8, as it was\nrelu7 # E0321: no suffix\n```\n").examples
    assert [(e.line, e.code, e.out) for e in example] == [(2, None, "3x8x8"), (3, "E0321", None)]
    for wrong in ("```cnn each 3x8x8\nrelu  # fine\n```\n", "```cnn eror E0105\nrelu\n```\n", "```python\n1\n```\n"):
        with pytest.raises(AssertionError):
            read_page(wrong)


def names_to_mention() -> list[str]:
    aliases = [alias for entry in entries().values() for alias in entry.aliases]
    return [*entries(), *aliases, *COMBINATORS, *FUNCTIONS, *prelude_names(), *Padding.words]


@pytest.mark.parametrize("name", sorted(names_to_mention()))
def test_name_is_mentioned(name: str) -> None:
    assert re.search(lookup(name), prose()), f"add `{name}` to a table of grammar/language.md"


def test_layers_in_the_table_exist() -> None:
    """The table of layers lists all of them once, and nothing else."""
    section = prose().split("## The layers")[1].split("Also written")[0]
    rows = [row.split("|")[2] for row in section.splitlines() if row.count("|") == 3 and "`" in row]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(entries())


def test_train_section_is_complete() -> None:
    """Every option, and every entry with the parameters that are its own, stands in the section on `train`."""
    section = prose().split("## `train`")[1].split("## Weight names")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section.split("### Losses")[0], re.MULTILINE)) == sorted(OPTIONS)
    shared = {"weight_decay", "decay", "by"}
    for entry in chain(*(table.values() for table in TRAINING.values())):
        own = [param for param in entry.params if param not in shared]
        shown = f"`{entry.name}({', '.join(own)})`" if own else f"`{entry.name}`"
        assert shown in section or entry.name == "adamw", f"add {shown} to the section on train"


def test_prelude_table_shows_the_signatures() -> None:
    shown = re.findall(r"^\| `(\w+\(.*\))` \|", prose().split("## The prelude")[1].split("\n## ")[0], re.MULTILINE)
    assert shown == re.findall(r"^block (\w+\(.*\)) =", prelude_text(), re.MULTILINE)


def test_families_and_suffixes_are_complete() -> None:
    (suffixed,) = re.findall(r"Suffixes belong to (.*?),\s+and to blocks", prose(), re.DOTALL)
    assert set(re.findall(r"`(\w+)`", suffixed)) == CONVERTIBLE
    (family,) = re.findall(r"whole family, (.*?), unless", prose(), re.DOTALL)
    assert set(re.findall(r"`(\w+)`", family)) == {n for n, entry in entries().items() if entry.family == "conv"}


def test_reserved_words_are_listed() -> None:
    (listed,) = re.findall(r"These words cannot be names: (.*?)\.", prose(), re.DOTALL)
    words = re.findall(r"^[A-Z]+\.2: /(\w+)\\b/$", grammar_text(), re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted(words)


def test_limits_are_listed_with_their_values() -> None:
    shown = re.findall(r"^\| `--([\w-]+)` \| ([\d,]+) \|", prose(), re.MULTILINE)
    assert {name.replace("-", "_"): int(value.replace(",", "")) for name, value in shown} == {
        name: value for name, value in Limits()._asdict().items() if not isinstance(value, bool)
    }


def test_codes_exist() -> None:
    """Every code on the page is one of the catalogue, every warning is described, and no group is left out."""
    assert set(re.findall(r"\b[EW]\d{4}\b", PAGE)) <= set(CATALOGUE)
    assert {code for code in CATALOGUE if code.startswith("W")} <= set(re.findall(r"\bW\d{4}\b", prose()))
    assert {code[:3] for code in CATALOGUE} == set(re.findall(r"^\| ([EW]\d\d) \|", prose(), re.MULTILINE))


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]*)\)", prose()):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (ROOT / "grammar" / target).is_file(), target
