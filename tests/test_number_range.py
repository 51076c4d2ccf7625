"""Numbers that single precision cannot hold: every argument of every layer, loss and option refuses them."""

from typing import Any

import cnnc
import pytest
from cnnc.compiler.diagnostics import Reject
from cnnc.compiler.ops import NAMES
from cnnc.compiler.ops.composite import COMPOSITES
from cnnc.compiler.ops.initial import METHODS
from cnnc.compiler.ops.kinds import LARGEST, SMALLEST, Kind, Number, Optional
from cnnc.compiler.recipe.losses import LOSSES
from cnnc.compiler.recipe.optimizers import OPTIMIZERS
from cnnc.compiler.recipe.schedules import SCHEDULES

ENTRIES: dict[str, Any] = {
    f"{type(entry).__name__} {entry.name}": entry
    for table in (NAMES, COMPOSITES, METHODS, LOSSES, OPTIMIZERS, SCHEDULES)
    for entry in table.values()
}


def number_of(kind: Kind) -> Number | None:
    inner = kind.kind if isinstance(kind, Optional) else kind
    return inner if isinstance(inner, Number) else None


NUMBERS = {
    f"{name}.{field}": number
    for name, entry in ENTRIES.items()
    for field, kind in entry.params.items()
    if (number := number_of(kind)) is not None
}


def test_there_are_many() -> None:
    assert len(NUMBERS) > 60


@pytest.mark.parametrize("place", NUMBERS)
def test_every_number_refuses_what_single_precision_loses(place: str) -> None:
    kind = NUMBERS[place]
    for value in (1e-46, -1e-46, 1e-40, 4.9e-324, SMALLEST * 0.999, 1e39, -1e39, float("inf"), float("nan")):
        with pytest.raises(Reject, match="E0305"):
            kind.read(value, 2)
    assert kind.default is None or not isinstance(kind.default, float) or kind.read(kind.default, 2) == kind.default


def test_the_limits_themselves() -> None:
    kind = Number("any")
    for value in (0.0, SMALLEST, -SMALLEST, LARGEST, -LARGEST):
        assert kind.read(value, 0) == value


@pytest.mark.parametrize(
    "layer", ["bn(eps=1e-46)", "celu(1e-46)", "gn(1, eps=1e-60)", "pad(1, value=1e39)", "scale(1e-45)"]
)
def test_it_is_refused_where_it_is_written(layer: str) -> None:
    (found,) = cnnc.check(f"input 2x4x4 -> relu -> {layer}")
    assert found.code == "E0305" and found.span is not None and "1e" in found.span.text
    assert "single precision" in str(cnnc.NetworkError([found])) or "3.40282e+38" in found.label


@pytest.mark.parametrize("layer", [f"bn(eps={SMALLEST})", "celu(1.2e-38)", "softplus(beta=1.2e-38)", "lrelu(1.2e-38)"])
def test_what_is_allowed_is_computed(layer: str) -> None:
    assert all(comparison.ok for comparison in cnnc.compile(layer, input="2x4x4").verify(batch=1))


@pytest.mark.parametrize("weight", ["1e-46", "1e39", "1e-30 * 1e-20", "1e-45"])
def test_weights_of_losses(weight: str) -> None:
    found = cnnc.check(f"input 2x4x4 -> flatten -> fc(3)\ntrain {{ loss = {weight} * mse, optimizer = sgd }}")
    assert any("single precision cannot hold" in str(cnnc.NetworkError([d])) for d in found), found
