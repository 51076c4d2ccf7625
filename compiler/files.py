"""Reading programs and writing results. Nothing else in the package opens a file for writing."""

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .diagnostics import Diagnostic, NetworkError, UsageError, usage
from .limits import Limits
from .source import Source, Span


def read_source(path: str, limits: Limits) -> Source:
    """The text of a `.cnn` file; `-` is standard input. Raises UsageError or, for what is no UTF-8, NetworkError."""
    if path == "-":
        data, name = sys.stdin.buffer.read(limits.max_bytes + 1), "<stdin>"
    else:
        data, name = _read_bytes(path, limits), Path(path).name
    if len(data) > limits.max_bytes:
        raise usage("E0401", most=limits.max_bytes)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        good = Source(data[: error.start].decode("utf-8"), name)
        end = len(good.text)
        raise NetworkError([Diagnostic("E0502", {"path": name, "offset": error.start}, Span(good, end, end))]) from None
    return Source(text, name, path)


def _read_bytes(path: str, limits: Limits) -> bytes:
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no regular file"
            raise usage("E0501", path=path, reason=kind)
        with Path(path).open("rb") as file:
            return file.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise usage("E0501", path=path, reason=reason) from None


def project_loader(main: Source, limits: Limits) -> Callable[[str, Source], Source]:
    """What reads the files that `use` lines name, relative to the file that each line is in.

    They must lie, with all links resolved, inside the project: the nearest folder above the program that holds a .git
    or pyproject.toml, else the program's own. A file with several hard links is refused, since one of its names may
    lie outside. The loader raises UsageError (E0501).
    """
    start = Path(main.path).resolve().parent if main.path not in (None, "-") else Path.cwd()
    marked = (
        folder for folder in (start, *start.parents) if any((folder / m).exists() for m in (".git", "pyproject.toml"))
    )
    root = next(marked, start)

    def load(path: str, user: Source) -> Source:
        folder = Path(user.path).resolve().parent if user.path not in (None, "-") else start
        try:
            target = (folder / path).resolve()
            if not target.is_relative_to(root):
                raise usage("E0501", path=path, reason="it lies outside of the project")
            if target.is_file() and target.stat().st_nlink > 1:
                raise usage("E0501", path=path, reason="it has several hard links")
        except (OSError, ValueError) as error:
            raise usage("E0501", path=path, reason=str(error)) from None
        return read_source(str(target), limits)

    return load


def write_file(path: str | Path, data: bytes) -> None:
    """Write a result: to a temporary file in the same folder, synced, then renamed over the target.

    The target is the old file or the new one, never a part. An existing file keeps its permissions; a link is refused.
    Raises UsageError.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
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


def keep_sources(out: str | Path | None, **sources: str | Path | None) -> None:
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
