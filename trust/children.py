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
        self.out, out = os.pipe()
        self.err, err = os.pipe()
        self.start = time.monotonic()
        self.pid = os.fork()
        if not self.pid:
            self._become(argv, folder, prepare, out, err)
        os.close(out)
        os.close(err)

    def _become(self, argv: tuple[str, ...], folder: Path, prepare: Prepare | None, out: int, err: int) -> NoReturn:
        status = 99
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(out, 1)
            os.dup2(err, 2)
            for handle in (out, err, self.out, self.err):
                os.close(handle)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
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
        out, err = (read(handle) for handle in (self.out, self.err))
        return Ended(os.waitstatus_to_exitcode(status), out, err, seconds)


def read(handle: int) -> str:
    """All of a pipe whose other end is closed. It holds 64 KiB, more than any of the commands says."""
    with os.fdopen(handle, "r", encoding="utf-8", errors="replace") as file:
        return file.read()


class Points:
    """The lines of some files' code and the calls in them, counted; at one of them something happens."""

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
        if event == "return":  # what is raised here passes by the frame's own handlers, as no signal does
            return
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
