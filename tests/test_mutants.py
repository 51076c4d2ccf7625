"""Some thousand hostile programs; `python trust/mutants.py` takes a hundred thousand."""

from collections import Counter

import pytest
from mutants import Case, answer, answers, cases_of
from mutations import corpus, from_grammar, heights, mutant

pytestmark = pytest.mark.trust

SEED = 20


def test_hostile_programs_are_answered() -> None:
    """No exception but CnncError, no broken bound, nothing illegible; and the mutants reach every stage."""
    found = list(answers(cases_of(SEED, 1_500, 200)))
    assert len(found) == 1_700
    assert [(a.case, a.faults) for a in found if a.faults] == []
    assert set(Counter(a.stage for a in found)) == {"unreadable", "refused", "checked", "compiled"}
    assert len({code for a in found for code in a.codes}) > 60


def test_programs_can_be_made_again() -> None:
    assert mutant(1, 5) == mutant(1, 5) != mutant(2, 5)
    assert from_grammar(1, 5) == from_grammar(1, 5) != from_grammar(2, 5)
    assert len(corpus()) > 250 and heights()["start"] == 1


def test_a_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machinery looks for, it finds: an exception, a control character, a place outside of the text."""
    import mutants
    from cnnc.compiler.diagnostics import Diagnostic, Label
    from cnnc.compiler.source import Source, Span

    source = Source("relu")
    broken = [
        ([Diagnostic("E0103", {"expected": "x"}, Span(source, 3, 9))], "points outside"),
        ([Diagnostic("E0103", {}, Span(source, 0, 1), (Label(Span(source, 0, 1), "\x1b"),))], "control"),
        ([Diagnostic("E0901", {"reason": "x"}, None)], "a fault of cnnc"),
    ]
    for diagnostics, told in broken:
        monkeypatch.setattr(mutants, "_answer", lambda data, sampled, found, new=diagnostics: found.extend(new) or "")
        assert told in " ".join(answer(Case("mutant", SEED, 0)).faults)

    def fails(*_: object) -> str:
        raise ValueError("odd")

    monkeypatch.setattr(mutants, "_answer", fails)
    assert answer(Case("mutant", SEED, 0)).faults == ("ValueError: odd",)
