"""SPACE.toml as data, with what the command line changes in it."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from ..diagnostics import CnncError, Diagnostic, UsageError, usage
from ..files import read_source
from ..limits import Limits
from ..source import Source, Span
from .space import Space, make_space
from .values import Place

MAX_BYTES = 2**24  # MOST_VALUES values of every key; more is a wrong file, so no flag
PLACE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)


def read_space(path: str, changes: Iterable[str] = ()) -> Space:
    """The space of a file. changes: "limits.params=5M", each in place of the file's key.

    Raises UsageError: E0501, E0593 (TOML), E0592 (a key).
    """
    try:
        source = read_source(path, Limits(max_bytes=MAX_BYTES))
    except CnncError as error:
        if error.code == "E0401":
            raise usage("E0593", path=path, reason=f"it has more than {MAX_BYTES:,} bytes") from None
        raise
    return make_space(changed(parsed(source, path), path, changes), path)


def parsed(source: Source, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(source.text)
    except RecursionError:
        raise usage("E0593", path=path, reason="it is nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError([Diagnostic("E0593", *located(source, path, str(error)))]) from None
    except ValueError:
        raise usage("E0593", path=path, reason="a number has thousands of digits") from None


def located(source: Source, path: str, message: str) -> tuple[dict[str, Any], Span | None]:
    """What the parser says, and where it says that it is."""
    match = PLACE.match(message)
    if match is None:
        return {"path": path, "reason": message}, None
    reason, line, column = match.groups()
    start = len(source.text) if line is None else source.starts[int(line) - 1] + int(column) - 1
    start = max(0, min(start, len(source.text) - 1))
    return {"path": path, "reason": reason[:1].lower() + reason[1:]}, Span(source, start, start + 1)


def changed(table: Mapping[str, Any], path: str, changes: Iterable[str]) -> dict[str, Any]:
    """The data with some keys replaced. A value is TOML, or else text: `network` and `relu` need no quotes."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in table.items()}
    for change in changes:
        key, equals, text = change.partition("=")
        *outer, name = key.strip().split(".")
        if not equals or not name or len(outer) > 1:
            Place("--set", change).wrong("it changes no key", "write --set limits.params=5M or --set points=1000")
        inside = result.setdefault(outer[0], {}) if outer else result
        if not isinstance(inside, dict):
            Place(path, outer[0]).wrong("it is not a table", "write --set KEY=VALUE with a key of the file")
        inside[name] = plain_value(text.strip())
    return result


def plain_value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if set(table) == {"value"} else text
