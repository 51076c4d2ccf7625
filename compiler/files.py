"""Reading programs. By os.path alone: pathlib brings urllib and ipaddress along, which nothing here needs."""

import errno
import os
import stat
import sys
from collections.abc import Callable
from typing import BinaryIO

from .diagnostics import CnncError, Diagnostic, NetworkError, usage
from .limits import Limits
from .source import Source, Span

AnyPath = str | os.PathLike[str]
STDIN = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


def read_source(path: str, limits: Limits, root: str | None = None) -> Source:
    """The text of a `.cnn` file; `-` is standard input. Raises UsageError or, for what is no UTF-8, NetworkError.

    root: the folder that the file must lie in, as for `open_file`.
    """
    if path == "-":
        data, name = sys.stdin.buffer.read(limits.max_bytes + 1), "<stdin>"
    else:
        with open_file(path, root) as file:
            data, name = file.read(limits.max_bytes + 1), os.path.basename(path)
    if len(data) > limits.max_bytes:
        raise usage("E0401", most=limits.max_bytes)
    return Source(_decoded(data, name), name, path)


def _decoded(data: bytes, name: str) -> str:
    """A program's text. Raises NetworkError (E0502) for what is no UTF-8, and UTF-16 without its mark."""
    try:
        text = data.decode("utf-8")
        if text[:2].count("\0") != 1:
            return text
        start = text.index("\0")
    except UnicodeDecodeError as error:
        start = error.start
    good = Source(data[:start].decode("utf-8"), name)
    facts = {"path": name, "offset": start, "seems": _seems(data)}
    raise NetworkError([Diagnostic("E0502", facts, Span(good, len(good.text), len(good.text)))])


def _seems(data: bytes) -> str:
    """What a text that is no UTF-8 is in, where its beginning tells."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "; it seems to be in UTF-32"
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:2]
    return "; it seems to be in UTF-16" if utf16 else ""


def open_file(path: str, root: str | None = None) -> BinaryIO:
    """A regular file, open for reading. Raises UsageError: E0501, or E0520 for one that leads out of the root.

    root: a folder without links in its path, that the file must really lie in under its only name. What is asked is
    the open file, so that nothing can be put in its place between the question and the reading.
    """
    path = reached(path)
    try:
        if root is not None:  # nothing is said of a file outside, nor whether there is one
            _check_place(path, os.path.realpath(path), root)
        _check_regular(path, os.stat(path))  # to open a device can have effects
        file = os.fdopen(_opened(path, root), "rb")
        try:
            if file.read(1) is None:
                raise usage("E0501", path=path, reason="its data come from elsewhere, and there are none yet")
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise usage("E0501", path=path, reason=reason) from None


def _opened(path: str, root: str | None) -> int:
    """Without waiting: some files of /proc, and a pipe that took the place of a file, would let a reader wait."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        status = os.fstat(handle)
        _check_regular(path, status)
        if root is not None:
            _check_place(path, _real_path(path, handle), root)
            _check_links(path, status, root)
    except BaseException:
        os.close(handle)
        raise
    return handle


def refusal(path: AnyPath) -> str:
    """Why something is no file that can be read; empty where it is one."""
    try:
        open_file(os.fspath(path)).close()
    except CnncError as error:
        return str(error.diagnostics[0].facts["reason"])
    return ""


def _check_regular(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file"
        way = {"help": "write `-` for standard input"} if path in STDIN else {}
        raise usage("E0501", path=path, reason=kind, **way)


def _real_path(path: str, handle: int) -> str:
    """Where an open file lies: from the system where it says so, else from a path that leads to the same file."""
    try:
        return os.readlink(f"/proc/self/fd/{handle}")
    except OSError:
        real = os.path.realpath(path)
        if not os.path.samestat(os.lstat(real), os.fstat(handle)):
            raise OSError(errno.ESTALE, "it was replaced while it was opened") from None
        return real


def _check_place(path: str, real: str, root: str) -> None:
    if os.path.commonpath((real, root)) != root:
        raise usage("E0520", path=path, root=root, reason="it lies outside of the project")


def _check_links(path: str, status: os.stat_result, root: str) -> None:
    if status.st_nlink > 1:  # of its names, one may lie outside
        raise usage("E0520", path=path, root=root, reason="it has several hard links")


def project_loader(main: Source, limits: Limits) -> Callable[[str, Source], Source]:
    """What reads the files that `use` lines name, relative to the file that each line is in.

    They must lie, with all links resolved, inside the project: the nearest folder above the program that holds a .git
    or pyproject.toml, else the program's own; `limits.allow_outside` lifts that. The loader raises UsageError: E0501,
    E0520.
    """
    start = _folder(main) or here()
    root = None if limits.allow_outside or start is None else _project(start)

    def load(path: str, user: Source) -> Source:
        if start is None:
            raise usage("E0501", path=path, reason="there is no current folder to look in")
        try:
            target = os.path.realpath(os.path.join(_folder(user) or start, reached(path)))
        except (OSError, ValueError) as error:
            raise usage("E0501", path=path, reason=str(error)) from None
        return read_source(target, limits, root)

    return load


def project_of(path: str | None, limits: Limits) -> str | None:
    """The root for what belongs to a program or a space in a file; None where files may lie anywhere.

    Without a file, as for a text on the command line, it is that of the current folder.
    """
    if limits.allow_outside:
        return None
    try:
        return _project(os.path.realpath("." if path in (None, "-") else os.path.dirname(path or "")))
    except OSError as error:  # the current folder was removed
        raise usage("E0501", path=os.path.dirname(path or "") or ".", reason=error.strerror) from None


def _folder(source: Source) -> str | None:
    """The folder that a program's file is in, with all links resolved; None for text without a file."""
    return None if source.path in (None, "-") else os.path.dirname(os.path.realpath(source.path))


def _project(folder: str) -> str:
    """The nearest folder from this one upwards that holds a .git or pyproject.toml, else the folder itself."""
    above = folder
    while not any(os.path.exists(os.path.join(above, mark)) for mark in (".git", "pyproject.toml")):
        if os.path.dirname(above) == above:
            return folder
        above = os.path.dirname(above)
    return above


def reached(path: str) -> str:
    """A path in the form that the system takes in this locale: one without UTF-8 wants bytes in their place."""
    try:
        os.fsencode(path)
        return path
    except UnicodeEncodeError:
        return os.fsdecode(path.encode("utf-8", "surrogateescape"))


def here() -> str | None:
    """The current folder; None where it was removed or may not be asked for."""
    try:
        return os.getcwd()
    except OSError:
        return None
