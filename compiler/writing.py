"""Writing results: whole or not at all. Nothing else in the package opens a file for writing."""

import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .diagnostics import UsageError, usage
from .files import AnyPath

LARGE = 2**26
"""Bytes from which on a file takes so long to make that its room is looked at before."""
OPENED = "/proc/self/fd"
"""Where Linux gives a name to files that have none."""


def write_file(path: AnyPath, data: bytes) -> None:
    """Write a result: to a temporary file in the same folder, synced, then renamed over the target.

    The target is the old file or the new one, never a part. An existing file keeps its permissions; a link is refused.
    Raises UsageError.
    """
    with replacing(path) as file:
        file.write(data)


def create_file(path: AnyPath, data: bytes) -> None:
    """Write a file that does not exist yet, whole or not at all. Raises UsageError where that cannot be."""
    with replacing(path, fresh=True) as file:
        file.write(data)


@contextmanager
def replacing(path: AnyPath, fresh: bool = False, final: Callable[[], Path] | None = None) -> Iterator[BinaryIO]:
    """A file to write a result to piece by piece, which takes the target's place when all is written: `write_file`.

    fresh: there must be no target yet. final: gives the target in the same folder where its name is only known when
    all is written, as that of a digest. Until the end the file has no name where the system can do that, so that
    nothing is left of it whatever happens to the process; elsewhere it has a hidden one. That name is chosen before
    the file is made, so that it is removed at whatever point an interrupt comes.
    """
    path = Path(path)
    check_target(path, fresh)
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}")
    try:
        with _in_place(path, temporary, fresh, final or (lambda: path)) as file:
            yield file
    finally:  # once more: an interrupt may have come just when it was to be removed
        _remove(temporary)


@contextmanager
def _in_place(path: Path, temporary: Path, fresh: bool, final: Callable[[], Path]) -> Iterator[BinaryIO]:
    """A file that takes the target's place at the end; what has the temporary name by then is removed."""
    try:
        mode = _mode(path)
        handle = _nameless(path.parent, mode)
        named = handle is None
        with os.fdopen(_hidden(temporary, mode) if handle is None else handle, "wb") as file:
            yield file
            file.flush()
            if mode is not None:  # not what the mask has left of it
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            if not named:
                _name(file, path if fresh else temporary)
        if fresh and named:
            os.link(temporary, path)
        elif not fresh:
            temporary.replace(final())
        _sync_folder(path.parent)
    except FileExistsError:
        raise usage("E0503", path=str(path), reason="it exists already") from None
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    finally:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    with suppress(OSError, ValueError):
        temporary.unlink()


def _nameless(folder: Path, mode: int | None) -> int | None:
    """A file in a folder that has no name yet; None where the system or the file system knows no such files."""
    kind = getattr(os, "O_TMPFILE", None)
    if kind is None or not Path(OPENED).is_dir():
        return None
    try:
        return os.open(folder, kind | os.O_WRONLY, 0o666 if mode is None else mode)
    except OSError:  # what else is wrong with the folder is found with a name, too
        return None


def _hidden(temporary: Path, mode: int | None) -> int:
    """A new file under a name of its own, never what a link leads to."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(temporary, flags, 0o666 if mode is None else mode)


def _name(file: BinaryIO, path: Path) -> None:
    """Give a file without a name one that is free."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:  # with a folder, since only then the link that /proc has for the file is followed
        os.link(f"{OPENED}/{file.fileno()}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk, too. What cannot sync folders has the file all the same."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def check_target(path: Path, fresh: bool = False) -> None:
    """Refuse a target that could not be replaced: a link, what is no file, a folder that is not there (E0503).

    fresh: refuse whatever is there.
    """
    try:
        if fresh and os.path.lexists(path):
            raise usage("E0503", path=str(path), reason="it exists already")
        if path.is_symlink():
            raise usage("E0503", path=str(path), reason="it is a symbolic link")
        if path.exists() and not path.is_file():
            raise usage("E0503", path=str(path), reason="it is not a regular file")
        path.parent.stat()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None


def check_room(path: AnyPath, needed: int) -> None:
    """Refuse to begin a large file for which the disk has no room, or that is larger than files may be here (E0547).

    With a small one nothing is lost when the disk turns out to be full while it is written.
    """
    if needed < LARGE:
        return
    from shutil import disk_usage  # brings compression along

    folder = Path(path).parent
    try:
        free: float = disk_usage(folder).free
    except OSError:  # it is found when the file is made
        return
    try:
        from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit

        largest = getrlimit(RLIMIT_FSIZE)[0]
        free = free if largest == RLIM_INFINITY else min(free, largest)
    except ImportError:  # not a Unix system
        pass
    if needed > free:
        raise usage("E0547", path=str(path), needed=f"{needed / 2**30:,.1f}", there=f"{free / 2**30:,.1f}")


def _unwritable(path: Path, error: Exception) -> UsageError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return usage("E0503", path=str(path), reason=reason)


def keep_sources(out: AnyPath | None, **sources: AnyPath | None) -> None:
    """Refuse to write a result over a file that it is made from, whose part each keyword names (E0503)."""
    for part, path in sources.items():
        if None not in (out, path) and "-" not in (out, path) and _same(str(out), str(path)):
            raise usage("E0503", path=str(out), reason=f"it is the {part} itself")


def keep_used(out: AnyPath, paths: Iterable[str]) -> None:
    """Refuse to write a result over one of the files that a program uses (E0503)."""
    if any(_same(str(out), path) for path in paths):
        raise usage("E0503", path=str(out), reason="it is a file that the program uses")


def _same(a: str, b: str) -> bool:
    try:
        return Path(a).samefile(b)
    except (OSError, ValueError):
        return False


def _mode(path: Path) -> int | None:
    """The permissions of the file that is replaced; None for a new file, which gets those that are usual."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found.st_mode) & 0o777 if stat.S_ISREG(found.st_mode) else None
