"""The `cnnc` command as a process: what `cnnc` and `python -m cnnc` start."""

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line.

    Modules and graphs live until the end, so the garbage collector looks for cycles more rarely than by default, and
    not at all on the way out.
    """
    from .compiler import signals

    signals.catch()
    try:
        status = command()
        signals.release()
    except (KeyboardInterrupt, signals.Terminated):
        status = signals.status()
    gc.freeze()
    sys.exit(status)


def command() -> int:
    """The command line's exit status."""
    gc.set_threshold(100_000)
    from .compiler.cli import run
    from .compiler.streams import open_streams

    open_streams()
    return run()


if __name__ == "__main__":
    main()
