"""The runner of mutants: a changed rule fails a test, an unchanged one none, and every answer is about code that is."""

from collections.abc import Iterator

import mutation
import pytest
from rule_mutants import ROOT, targets
from workers import run_cases

pytestmark = pytest.mark.trust

POOL = "compiler/ops/pool.py"


@pytest.fixture
def only_own_samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For speed: the tests of a file's own layers decide."""
    monkeypatch.setattr(mutation, "THEN", ())
    monkeypatch.setattr(mutation, "LAST", ())
    yield


def changed(before: str, after: str) -> tuple[str, str]:
    text = (ROOT / POOL).read_text(encoding="utf-8")
    assert text.count(before) == 1
    return POOL, text.replace(before, after)


@pytest.mark.usefixtures("only_own_samples")
def test_changes_are_noticed() -> None:
    cases = [
        changed("cmp=size(out) * (prod(a.k) - 1))\n\n\ndef avg", "cmp=size(out) * prod(a.k))\n\n\ndef avg"),
        changed("return check_extents((x[0], *a.size))", "return check_extents((x[0] + 1, *a.size))"),
        changed("from ..symbolic import at_most,", "from ..symbolic import no_such_thing, at_most,"),
        changed("Pooling.", "Pools."),
    ]
    found = {o.case[1]: o for o in run_cases(lambda case: mutation.under(*case), cases, processes=1, deadline=300)}
    said = [found[text].value for _, text in cases]
    assert [found[text].failure for _, text in cases] == [""] * 4
    assert said[0] == "test_work: AssertionError"
    assert said[1].startswith("test_")
    assert said[2] == "import: ImportError"
    assert said[3] == ""


def test_answers_are_about_code_that_is() -> None:
    for file, before, after in mutation.answers():
        assert file in targets() and before != after
        lines = [" ".join(line.split()) for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
        assert before in lines, f"{file} has no line `{before}`"
