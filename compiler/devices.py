"""The devices that the roofline model knows: those of devices.toml, or of a user's file in the same form."""

import re
from pathlib import Path
from typing import Any, NoReturn

from .diagnostics import CnncError, show, similar, usage
from .files import read_source
from .limits import Limits
from .memory import DTYPE_BYTES
from .roofline import Device

BUNDLED = Path(__file__).with_name("devices.toml")
MAX_BYTES = 2**20  # a file of thousands of devices; more is a wrong file, so no flag
NUMBERS = ("memory", "bandwidth", "vector")
FIELDS = (*NUMBERS, "peak", "storage", "description", "source")
PEAKS = (*DTYPE_BYTES, "tf32")
MOST = 1e30  # more than any device has, and few enough that no time becomes 0 or infinite


def find_device(text: str, root: str | None = None) -> Device:
    """The device called `h100`, the only one of `my.toml`, or `my.toml:name`.

    root: the folder that the file must lie in. Raises UsageError: E0501, E0520 or E0531 for a file that is no use,
    E0530 for an unknown name, E0532 for a wrong field.
    """
    file = re.fullmatch(r"(.+?\.toml)(?::(.*))?", text, re.DOTALL)
    if file is None:
        return _choose(read_devices(str(BUNDLED)), text, ", or a .toml file of your own")
    path, name = file.groups()
    devices = read_devices(path, root)
    if name is not None:
        return _choose(devices, name, f" in {path}")
    if len(devices) > 1:
        first = next(iter(devices))
        raise _useless(path, f"it describes {', '.join(devices)}; choose one: {path}:{first}")
    return next(iter(devices.values()))


def _choose(devices: dict[str, Device], name: str, where: str) -> Device:
    if name not in devices:
        close = similar(name.lower(), devices, 0.6)
        hint = f"did you mean `{close[0]}`? " if close else ""
        raise usage("E0530", name=name, help=f"{hint}devices are {', '.join(devices)}{where}")
    return devices[name]


def read_devices(path: str, root: str | None = None) -> dict[str, Device]:
    """Every device of a file, by name."""
    import tomllib

    try:
        tables = tomllib.loads(_text(path, root))
    except RecursionError:
        raise _useless(path, "it is nested too deeply") from None
    except ValueError as error:  # a TOMLDecodeError, or an integer of thousands of digits
        raise _useless(path, str(error)) from None
    if not tables:
        raise _useless(path, "it is empty")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise _useless(path, f"`{name}` stands outside of a [device]")
        if not re.fullmatch(r"[\w.+-]{1,60}", name):
            raise _useless(path, f"`{name}` is not a name: letters, digits and _ . + - are")
    return {name: _device(name, table, path) for name, table in tables.items()}


def _text(path: str, root: str | None) -> str:
    try:
        return read_source(path, Limits(max_bytes=MAX_BYTES), root).text
    except CnncError as error:
        reasons = {"E0401": f"it has more than {MAX_BYTES:,} bytes", "E0502": "it is not UTF-8 text"}
        if error.code not in reasons:
            raise
        raise _useless(path, reasons[error.code]) from None


def _useless(path: str, reason: str) -> CnncError:
    return usage("E0531", path=path, reason=reason)


# Fields


class _Fields:
    """One table of a file and how to complain about it."""

    def __init__(self, device: str, table: dict[str, Any], path: str) -> None:
        self.device, self.table, self.path = device, table, path

    def wrong(self, field: str, reason: str) -> NoReturn:
        raise usage("E0532", field=field, device=self.device, path=self.path, reason=reason)

    def known(self, table: dict[str, Any], names: tuple[str, ...], prefix: str = "") -> None:
        for field in table:
            if field not in names:
                self.wrong(prefix + field, f"there is no such field, only {', '.join(names)}")

    def number(self, table: dict[str, Any], field: str, prefix: str = "") -> float:
        if field not in table:
            self.wrong(prefix + field, "it is missing")
        value = table[field]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.wrong(prefix + field, f"a number is needed, not {show(value)}")
        if not 1 <= value <= MOST:
            self.wrong(prefix + field, f"a number from 1 to {MOST:g} is needed, not {show(value)}")
        return float(value)

    def words(self, field: str) -> str:
        value = self.table.get(field, "")
        if not isinstance(value, str) or not value.isprintable() or len(value) > 500:
            self.wrong(field, "one line of text is needed")
        return value

    def peak(self) -> dict[str, float]:
        table = self.table.get("peak")
        if not isinstance(table, dict) or not any(dtype in table for dtype in DTYPE_BYTES):
            self.wrong("peak", f"at least one of {', '.join(f'peak.{dtype}' for dtype in DTYPE_BYTES)} is needed")
        self.known(table, PEAKS, "peak.")
        return {dtype: self.number(table, dtype, "peak.") for dtype in table}


def _device(name: str, table: dict[str, Any], path: str) -> Device:
    fields = _Fields(name, table, path)
    fields.known(table, FIELDS)
    memory, bandwidth, vector = (fields.number(table, field) for field in NUMBERS)
    storage = int(fields.number(table, "storage")) if "storage" in table else None
    return Device(
        name, fields.words("description"), fields.words("source"), int(memory), storage, bandwidth, vector,
        fields.peak(),
    )  # fmt: skip
