"""Cases run in processes forked from a loaded one, each case with a deadline and all of them with a bound on memory."""

import multiprocessing
import os
import resource
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, NamedTuple

FORK = multiprocessing.get_context("fork")


class Outcome(NamedTuple):
    """What became of a case: the value that the work gave, or why there is none."""

    case: Any
    value: Any
    failure: str
    """Empty; or a deadline, a death, or an exception with its traceback."""
    seconds: float


class Worker:
    """A child process that works on one case at a time."""

    def __init__(self, work: Callable[[Any], Any], memory: int | None) -> None:
        self.pipe, theirs = FORK.Pipe()
        self.process: ForkProcess = FORK.Process(target=_serve, args=(work, theirs, memory), daemon=True)
        self.process.start()
        theirs.close()
        self.case: Any = None
        self.started = 0.0

    def begin(self, case: Any) -> None:
        self.case, self.started = case, time.monotonic()
        self.pipe.send(case)

    def outcome(self) -> Outcome:
        """The answer that lies in the pipe; a child that died says nothing."""
        seconds = time.monotonic() - self.started
        try:
            value, failure = self.pipe.recv()
        except EOFError:
            self.process.join()
            return Outcome(self.case, None, f"died with status {self.process.exitcode}", seconds)
        return Outcome(self.case, value, failure, seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run_cases(
    work: Callable[[Any], Any],
    cases: Iterable[Any],
    *,
    processes: int | None = None,
    deadline: float = 60.0,
    memory: int | None = None,
) -> Iterator[Outcome]:
    """The outcome of every case, as they come. Cases and values must be picklable; `work` need not.

    deadline   seconds for one case; a child that takes longer is killed and replaced
    memory     bytes of address space that a child may take beyond what it was forked with
    """
    rest = iter(cases)
    workers: dict[Connection, Worker] = {}

    def begin(worker: Worker) -> None:
        for case in rest:
            worker.begin(case)
            workers[worker.pipe] = worker
            return
        worker.kill()

    try:
        for _ in range(processes or os.cpu_count() or 1):
            begin(Worker(work, memory))
        while workers:
            for pipe in wait(list(workers), timeout=0.2):
                worker = workers.pop(pipe)
                outcome = worker.outcome()
                if worker.process.exitcode is not None:
                    worker.kill()
                    worker = Worker(work, memory)
                begin(worker)
                yield outcome
            for pipe, worker in list(workers.items()):
                spent = time.monotonic() - worker.started
                if spent > deadline and not pipe.poll():
                    del workers[pipe]
                    worker.kill()
                    begin(Worker(work, memory))
                    yield Outcome(worker.case, None, f"took longer than {deadline:g} s", spent)
    finally:
        for worker in workers.values():
            worker.kill()


def _serve(work: Callable[[Any], Any], pipe: Connection, memory: int | None) -> None:
    if memory is not None:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    while True:
        try:
            case = pipe.recv()
        except EOFError:
            return
        try:
            answer: tuple[Any, str] = (work(case), "")
        except Exception:
            answer = (None, traceback.format_exc())
        pipe.send(answer)
