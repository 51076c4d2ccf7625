"""Runs a command with its output in a pipe, prints its milliseconds and most resident MiB: `python spend.py COMMAND…`.

A process of its own, and a small one, because a child's resident memory counts from that of the process it was made by.
"""

import os
import sys
import time


def spend(command: list[str]) -> tuple[float, float]:
    """Milliseconds, and MiB resident at most."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader)]
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, environment, file_actions=actions)
    os.close(writer)
    while os.read(reader, 1 << 16):
        pass
    _, status, usage = os.wait4(child, 0)
    elapsed = time.perf_counter() - start
    if status:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return 1e3 * elapsed, usage.ru_maxrss / 1024


if __name__ == "__main__":
    print(*spend(sys.argv[1:]))
