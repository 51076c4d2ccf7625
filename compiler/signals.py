"""SIGINT and SIGTERM: a command removes what it has not finished, then ends with 130 or 143, and says nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)


class Terminated(BaseException):
    """Raised where the process is when SIGTERM comes, as KeyboardInterrupt is for SIGINT."""


class _Caught:
    """Which signal has come, so that an error that is only its consequence can be told from others."""

    number = 0


def status() -> int:
    """The exit status for the signal that has come; 0 while there is none."""
    return 128 + _Caught.number if _Caught.number else 0


def catch() -> None:
    """Have the signals raise from now on. One that the caller has the process ignore stays ignored, as for `nohup`."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def release() -> None:
    """Let the signals end the process at once: there is nothing left to remove."""
    for number in ENDING:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, frame: FrameType | None) -> None:
    _Caught.number = number
    release()  # a second one does not wait for what the first has started
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


@contextmanager
def held() -> Iterator[None]:
    """Let signals wait until the block is left: it begins what could not be ended half begun.

    Processes and threads that start inside have the signals blocked from birth; `UNBLOCK` ends that.
    Outside of the main thread, where signals do not arrive, nothing is done.
    """
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {n: signal.signal(n, lambda number, frame: came.append(number)) for n in ENDING}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


UNBLOCK = "import signal; signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))"
"""Code for a process that was started while signals were held."""
