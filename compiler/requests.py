"""What callers ask for, read from plain values: input shapes, batch sizes, conventions. Wrong ones are UsageErrors."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .conventions import CONVENTIONS, Convention
from .diagnostics import Reject, usage
from .memory import DTYPE_BYTES
from .ops.base import check_input
from .report import Settings
from .roofline import Device
from .symbolic import Sym, Whole, symbol

ShapeLike = Sequence[int] | Mapping[str, Sequence[int]] | str | None
LARGEST_BATCH = 2**31 - 1  # more than any framework splits work for


def read_settings(batch: int | str, dtype: str, convention: str, device: Device | None) -> Settings:
    """The settings of a report. Raises E0513 (batch), E0517 (convention) and E0518 (type)."""
    known_as("type", dtype, DTYPE_BYTES)
    return Settings(read_batch(batch), dtype, convention_named(convention), device)


def known_as(what: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that is not among the known ones (E0518)."""
    if name not in known:
        raise usage("E0518", what=what, name=name, known=", ".join(known))


def convention_named(name: str) -> Convention:
    """A counting convention. Raises E0517 with the known ones."""
    if name not in CONVENTIONS:
        raise usage("E0517", name=name, known=", ".join(CONVENTIONS))
    return CONVENTIONS[name]


def read_batch(batch: int | str) -> Whole:
    """A batch size, a number or a capital letter as a symbol. Raises E0513."""
    if isinstance(batch, str) and len(batch) == 1 and "A" <= batch <= "Z":
        return symbol(batch)
    text = str(batch)
    whole = text.isascii() and text.isdigit() and len(text) < 20 and not isinstance(batch, bool)
    if not whole or not 1 <= int(text) <= LARGEST_BATCH:
        raise usage("E0513", text=text)
    return int(text)


def _extent(part: Any) -> Any:
    """A number, or a capital letter as a symbol."""
    if isinstance(part, Sym):
        return part
    if isinstance(part, str) and not (part.isascii() and part.isalnum()):  # int takes +8, 1_0 and blanks
        raise ValueError(part)
    return symbol(part) if isinstance(part, str) and len(part) == 1 and "A" <= part <= "Z" else int(part)


def read_params(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values of build parameters, lists as the language's tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in (params or {}).items()}


def read_shape(shape: ShapeLike) -> Any:
    """An input shape, or several by name, as tuples. Raises UsageError for what is not a shape."""
    if shape is None:
        return None
    if isinstance(shape, Mapping):
        return {name: read_shape(value) for name, value in shape.items()}
    try:
        extents = tuple(map(_extent, shape.replace("×", "x").split("x") if isinstance(shape, str) else shape))
    except (TypeError, ValueError, OverflowError):
        raise usage("E0505", text=shape) from None
    try:
        return check_input(extents)
    except Reject as reject:
        if reject.code == "E0240":
            raise usage("E0240", **reject.facts) from None
        raise usage("E0505", text=shape) from None
