"""The `cnnc` command as a process: what `cnnc` and `python -m cnnc` start."""

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line.

    Modules and graphs live until the end, so the garbage collector looks for cycles more rarely than by default, and
    not at all on the way out.
    """
    gc.set_threshold(100_000)
    from .compiler.cli import open_streams, run

    open_streams()
    status = run()
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    main()
