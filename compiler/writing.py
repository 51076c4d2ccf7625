"""Writing results: whole or not at all. Nothing else in the package opens a file for writing."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .diagnostics import UsageError, usage
from .files import AnyPath


def write_file(path: AnyPath, data: bytes) -> None:
    """Write a result: to a temporary file in the same folder, synced, then renamed over the target.

    The target is the old file or the new one, never a part. An existing file keeps its permissions; a link is refused.
    Raises UsageError.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: AnyPath) -> Iterator[BinaryIO]:
    """A file to write a result to piece by piece, which takes the target's place when all is written: `write_file`."""
    path = Path(path)
    temporary = None
    check_target(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(_mode(path))
        Path(temporary).replace(path)
        temporary = None
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def check_target(path: Path) -> None:
    """Refuse a target that could not be replaced: a link, what is no file, a folder that is not there (E0503)."""
    try:
        if path.is_symlink():
            raise usage("E0503", path=str(path), reason="it is a symbolic link")
        if path.exists() and not path.is_file():
            raise usage("E0503", path=str(path), reason="it is no regular file")
        path.parent.stat()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: Exception) -> UsageError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return usage("E0503", path=str(path), reason=reason)


def keep_sources(out: AnyPath | None, **sources: AnyPath | None) -> None:
    """Refuse to write a result over a file that it is made from, whose part each keyword names (E0503)."""
    for part, path in sources.items():
        if None not in (out, path) and "-" not in (out, path) and _same(str(out), str(path)):
            raise usage("E0503", path=str(out), reason=f"it is the {part} itself")


def _same(a: str, b: str) -> bool:
    try:
        return Path(a).samefile(b)
    except (OSError, ValueError):
        return False


def create_file(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet, whole or not at all. Raises UsageError where that cannot be."""
    made = False
    try:
        with path.open("xb") as file:
            made = True
            file.write(data)
    except FileExistsError:
        raise usage("E0503", path=str(path), reason="it exists already") from None
    except (OSError, ValueError) as error:
        if made:
            path.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise usage("E0503", path=str(path), reason=reason) from None


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, or those that a new file gets by default."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
