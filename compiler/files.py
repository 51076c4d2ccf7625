"""Reading programs. By os.path alone: pathlib brings urllib and ipaddress along, which nothing here needs."""

import os
import stat
import sys
from collections.abc import Callable

from .diagnostics import Diagnostic, NetworkError, usage
from .limits import Limits
from .source import Source, Span

WAITS = "its data come from elsewhere, and there are none yet"
AnyPath = str | os.PathLike[str]


def read_source(path: str, limits: Limits) -> Source:
    """The text of a `.cnn` file; `-` is standard input. Raises UsageError or, for what is no UTF-8, NetworkError."""
    if path == "-":
        data, name = sys.stdin.buffer.read(limits.max_bytes + 1), "<stdin>"
    else:
        data, name = read_bytes(path, limits.max_bytes + 1), os.path.basename(path)
    if len(data) > limits.max_bytes:
        raise usage("E0401", most=limits.max_bytes)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        good = Source(data[: error.start].decode("utf-8"), name)
        end = len(good.text)
        raise NetworkError([Diagnostic("E0502", {"path": name, "offset": error.start}, Span(good, end, end))]) from None
    return Source(text, name, path)


def read_bytes(path: str, most: int) -> bytes:
    """The first `most` bytes of a file. Raises UsageError (E0501) for what is no file or makes readers wait."""
    try:
        check_kind(path)
        with open(path, "rb", opener=_without_waiting) as file:
            data: bytes | None = file.read(most)
    except (OSError, ValueError) as error:
        raise usage("E0501", path=path, reason=_reason(error)) from None
    if data is None:
        raise usage("E0501", path=path, reason=WAITS)
    return data


def refusal(path: AnyPath) -> str:
    """Why something is no file that can be read; empty where it is one."""
    try:
        check_kind(path)
        with open(path, "rb", opener=_without_waiting) as file:
            return "" if file.read(1) is not None else WAITS
    except FileNotFoundError:
        return "no such file"
    except (OSError, ValueError) as error:
        return _reason(error)


def check_kind(path: AnyPath) -> None:
    """Raise OSError for a folder, a device or a pipe: reading them may never end."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise OSError("it is a folder" if stat.S_ISDIR(mode) else "it is no regular file")


def _without_waiting(path: str, flags: int) -> int:
    """Some files of /proc, and a pipe that took the place of a file, would let a reader wait for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def project_loader(main: Source, limits: Limits) -> Callable[[str, Source], Source]:
    """What reads the files that `use` lines name, relative to the file that each line is in.

    They must lie, with all links resolved, inside the project: the nearest folder above the program that holds a .git
    or pyproject.toml, else the program's own. A file with several hard links is refused, since one of its names may
    lie outside. The loader raises UsageError (E0501).
    """
    start = _folder(main) or os.getcwd()
    root = _project(start)

    def load(path: str, user: Source) -> Source:
        try:
            target = os.path.realpath(os.path.join(_folder(user) or start, path))
            if os.path.commonpath((target, root)) != root:
                raise usage("E0501", path=path, reason="it lies outside of the project")
            if os.path.isfile(target) and os.stat(target).st_nlink > 1:
                raise usage("E0501", path=path, reason="it has several hard links")
        except (OSError, ValueError) as error:
            raise usage("E0501", path=path, reason=str(error)) from None
        return read_source(target, limits)

    return load


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
