"""`cnnc layers NAME` for every name that a program may use."""

import pytest
from cnnc.compiler.cli import run
from cnnc.compiler.elaborate.names import COMBINATORS
from cnnc.compiler.reference import TRAINING, entries


@pytest.mark.parametrize("name", sorted({*entries(), *COMBINATORS, *(n for table in TRAINING.values() for n in table)}))
def test_every_name_is_described(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its documentation is shown, for a name of several things that of each, and every argument by its name."""
    assert run(["layers", name]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(name)
    described = [table[name] for table in (entries(), *TRAINING.values()) if name in table]
    if name in COMBINATORS:
        assert COMBINATORS[name].doc in shown
    elif name in entries():
        described = described[:1]
    for entry in described:
        assert entry.doc in shown
        assert all(f"\n  {param}" in shown for param in entry.params)
