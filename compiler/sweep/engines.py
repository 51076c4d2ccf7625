"""Who evaluates the chunks: this process, processes on this machine, or the workers of a Dask cluster.

Dask moves a killed worker's chunks to the others and starts another worker in its place. Results come in any order.
"""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from importlib import import_module
from itertools import islice
from multiprocessing.resource_tracker import ensure_running
from typing import Any

from ..diagnostics import UsageError, usage
from ..signals import UNBLOCK, held
from .evaluate import Chunk, Evaluator, pack
from .job import Job

Engine = Callable[[Iterator[int]], Iterator[Chunk]]
"""Gives a chunk's results for each of the numbers."""

TASK = 0.5
"""Seconds that a task shall take: as many chunks as that are sent together, since each task costs milliseconds."""

MOST_TOGETHER = 256

AHEAD = 2
"""Tasks that each worker has: the one that it is at, and the next."""

PATIENCE = 20
"""Seconds in which a cluster has to answer, and to have a worker."""

GLANCE = 5
"""Seconds after which a look is taken at whether there are workers at all."""

ALL = "all"

DEAF = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {UNBLOCK}"
"""What workers begin with: a terminal sends Ctrl-C to them too, and this process is the one that ends them. Until then
they have it blocked, since they start while signals are held."""


@contextmanager
def open_engine(job: Job, workers: int | str, cluster: str | None) -> Iterator[Engine]:
    """The engine that is asked for. Raises UsageError: E0507, E0596, E0598."""
    if cluster is not None:
        with connected(cluster) as client:
            yield lambda todo: on_dask(client, pack(job), todo)
        return
    count = worker_count(workers)
    if count == 1:
        yield Evaluator(job).chunks
        return
    with local_cluster(count) as client:
        yield lambda todo: on_dask(client, pack(job), todo)


def worker_count(workers: int | str) -> int:
    """How many processes; `all` is one for each core. Raises UsageError (E0598)."""
    if workers == ALL:
        return int(dask_module("dask.system").CPU_COUNT)
    text = str(workers)
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 5 and int(text)) or isinstance(workers, bool):
        raise usage("E0598", text=text)
    return int(text)


def dask_module(name: str) -> Any:
    """A module of Dask. Raises UsageError where it is not installed (E0507)."""
    from ...backends import packages

    with packages():
        return import_module(name)


# Dask


@contextmanager
def local_cluster(count: int) -> Iterator[Any]:
    """Processes on this machine, of one thread each, that a nanny starts again when they die."""
    dask = dask_module("distributed")
    settings: dict[str, Any] = {"n_workers": count, "threads_per_worker": 1, "processes": True, "host": "127.0.0.1"}
    settings |= {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL, "preload": [DEAF]}
    ensure_running()  # what multiprocessing would do first, and it unblocks the signals that are held
    with ExitStack() as opened:
        with held():  # workers that are interrupted while they start end in tracebacks, and the cluster half closed
            try:
                cluster = opened.enter_context(dask.LocalCluster(**settings))
            except Exception as error:  # of a script without `if __name__ == "__main__":`, which the workers run again
                raise gone(error) from None
            client = opened.enter_context(dask.Client(cluster, set_as_default=False))
        yield client


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of a scheduler that runs somewhere. Raises UsageError (E0596)."""
    dask = dask_module("distributed")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        dask_module("distributed.comm").resolve_address(address)  # a client that fails at this takes a minute to go
        client = dask.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise usage("E0596", address=address, reason=str(error) or type(error).__name__) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise usage("E0596", address=address, reason=f"no worker within {PATIENCE} seconds") from None
        yield client


def on_dask(client: Any, payload: bytes, todo: Iterator[int]) -> Iterator[Chunk]:
    """Chunks from a cluster's workers, as they are finished. Raises UsageError (E0597) where it gives up."""
    task = remote_evaluate()
    job = client.submit(bytes, payload, pure=False)  # a task, so that a worker's death cannot lose the only copy
    waiting: set[Any] = set()
    alive, together = time.monotonic(), 1
    while True:
        for _ in range(AHEAD * max(1, threads(client)) - len(waiting)):
            if numbers := list(islice(todo, together)):
                waiting.add(client.submit(task, job, numbers, pure=False))
        if not waiting:
            return
        done, waiting = finished(client, waiting)
        alive = time.monotonic() if done or threads(client) else alive
        if time.monotonic() - alive > PATIENCE:
            raise usage("E0597", reason=f"there has been no worker for {PATIENCE} seconds")
        for seconds, chunks in results_of(client, done):
            together = max(1, min(MOST_TOGETHER, round(TASK * len(chunks) / max(seconds, 1e-6))))
            yield from (Chunk(*chunk) for chunk in chunks)


def remote_evaluate() -> Callable[[bytes, list[int]], Any]:
    """`evaluate_chunks` as a function that travels by value.

    A worker that cannot import it would die of reading its task, and threads that import parts of one package at once
    can get unfinished ones; this one waits for each package as a whole, and what goes wrong is the task's own error.
    """
    parts = __name__.split(".")[:-1]
    packages = [".".join(parts[:i]) for i in range(1, len(parts) + 1)]

    def evaluate(payload: bytes, numbers: list[int]) -> Any:
        from importlib import import_module

        for package in packages:
            module = import_module(package)
        return module.evaluate_chunks(payload, numbers)

    return evaluate


def finished(client: Any, waiting: set[Any]) -> tuple[set[Any], set[Any]]:
    """What is done, after some time at the most, and what is not."""
    try:
        with client.as_current():
            found = dask_module("distributed").wait(waiting, timeout=GLANCE, return_when="FIRST_COMPLETED")
    except TimeoutError:
        return set(), waiting
    except (Exception, CancelledError) as error:
        raise gone(error) from None
    return found.done, found.not_done


def threads(client: Any) -> int:
    """How many tasks run at once, as far as is known here without asking."""
    return sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())


def results_of(client: Any, done: set[Any]) -> list[Any]:
    """What tasks have given: seconds, and chunks as tuples."""
    try:
        return list(client.gather(list(done)))
    except (Exception, CancelledError) as error:
        raise gone(error) from None


def gone(error: BaseException) -> UsageError:
    return usage("E0597", reason=f"{type(error).__name__}: {error}")
