"""The `cnnc` command in a forked child that is disturbed: from outside, or by itself at a point in its code."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

Prepare = Callable[[], None]


class Ended(NamedTuple):
    """How a child ended: its exit status, or the negative number of the signal that killed it, and what it said."""

    status: int
    out: str
    err: str
    seconds: float


class Child:
    """A command that runs in a folder. `prepare` is called in the child before it."""

    def __init__(self, argv: tuple[str, ...], folder: Path, prepare: Prepare | None = None) -> None:
        self.out, self.err = (folder.with_name(f"{folder.name}.{name}") for name in ("out", "err"))
        self.start = time.monotonic()
        self.pid = os.fork()
        if not self.pid:
            self._become(argv, folder, prepare)

    def _become(self, argv: tuple[str, ...], folder: Path, prepare: Prepare | None) -> NoReturn:
        status = 99
        try:
            for path, number in ((self.out, 1), (self.err, 2)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.chdir(folder)
            sys.argv = ["cnnc", *argv]
            from cnnc.__main__ import main

            if prepare is not None:
                prepare()
            main()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
            if isinstance(error.code, str):
                print(error.code, file=sys.stderr)
            sys.stdout.flush()
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    def send(self, number: int) -> None:
        os.kill(self.pid, number)  # not reaped yet, so it is nobody else's

    def wait(self, deadline: float = 120.0) -> Ended:
        """How it ended; killed where that took too long, which the status says."""
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            seconds = time.monotonic() - self.start
            if pid:
                break
            if seconds > deadline:
                self.send(signal.SIGKILL)
            time.sleep(0.001)
        out, err = (path.read_text(encoding="utf-8", errors="replace") for path in (self.out, self.err))
        return Ended(os.waitstatus_to_exitcode(status), out, err, seconds)


class Points:
    """The calls, returns and lines of some files' code, counted; at one of them something happens."""

    def __init__(self, files: tuple[str, ...], at: int | None, act: Callable[[], None]) -> None:
        self.files, self.at, self.act, self.count = files, at, act, 0

    def install(self) -> None:
        sys.settrace(self._trace)
        sys.setprofile(self._seen)

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._line if frame.f_code.co_filename.endswith(self.files) else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self._seen(frame, event, arg)
        return self._line

    def _seen(self, frame: FrameType, event: str, arg: Any) -> None:
        if frame.f_code.co_filename.endswith(self.files):
            self.count += 1
            if self.count == self.at:
                self.act()


def in_pieces(act: Callable[[int], None]) -> None:
    """Have files be written in pieces of an eighth, and call `act` with a count between two of them."""
    import io

    written = 0

    class Pieces(io.FileIO):
        def write(self, data: Any) -> int:
            nonlocal written
            view, size = memoryview(data).cast("B"), max(1, len(data) // 8)
            for at in range(0, len(view), size):
                super().write(view[at : at + size])
                written += 1
                act(written)
            return len(view)

    def opened(handle: int, mode: str = "r", *more: Any, **named: Any) -> Any:
        return Pieces(handle, "w") if mode == "wb" else real(handle, mode, *more, **named)

    real, os.fdopen = os.fdopen, opened  # type: ignore[assignment]
