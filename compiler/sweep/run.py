"""A sweep from beginning to end: read the space, evaluate what is missing, write the results in order."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, NetworkError, usage
from ..files import project_of
from ..limits import Limits
from ..pipeline import deep_recursion
from ..public import FLAG, FUNCTION, LIMITS, NONE, PATH, TABLE, TEXT, WHOLE, WORDS, Kind, public
from ..source import Source
from ..template import Template
from ..writing import check_target, keep_sources
from .engines import open_engine
from .evaluate import Evaluator, Stored
from .job import CHUNK, Job, identity, loader_of, make_job
from .journal import ENDING, Journal, files_of
from .pareto import Vector
from .points import Point, Points, chunks
from .reading import changed, read_space
from .results import Row, form_of, read_results, rows_of, write_results
from .space import Space, make_space
from .tally import Tally

Progress = Callable[[int, int], None]
"""Is told how many points are done, and of how many."""

REMEMBERED = 10_000
"""Points of the front that are kept in memory; where it has more, they are read again from the results."""


class Sweep:
    """What a sweep found. Rows are read from the result file, or without one from temporary results."""

    def __init__(self, job: Job, tally: Tally, journal: Journal) -> None:
        self.job, self.tally, self.journal = job, tally, journal
        self.path: Path | None = None
        """The result file."""
        self._front: list[Row] = []
        self._front_size = 0

    def __repr__(self) -> str:
        return f"<cnnc sweep of {self.name}: {self.tally.kept:,} of {self.tally.points:,} points kept>"

    @property
    def space(self) -> Space:
        return self.job.space

    @property
    def name(self) -> str:
        """The program's file."""
        return self.job.program.name

    @property
    def points(self) -> int:
        """Points that were evaluated."""
        return self.tally.points

    @property
    def kept(self) -> int:
        """Points that compile and keep to all limits; they have rows."""
        return self.tally.kept

    @property
    def failed(self) -> int:
        """Points that do not compile; `tally.failed` has the reasons."""
        return sum(count for count, _, _ in self.tally.failed.values())

    def rows(self) -> Iterator[Row]:
        """The kept points in the order of their numbers, each as a dictionary; never all in memory.

        Bytes and multiply-accumulates are for the whole batch, as `Net.to_dict(batch)` has them.
        """
        return self.stored_rows() if self.path is None else read_results(self.path, self.space)

    def front(self) -> Iterator[Row]:
        """The rows on the Pareto front."""
        if self._front_size == len(self._front) != 0:
            return iter(self._front)
        return (row for row in self.rows() if row["front"])

    @public(path=PATH)
    def plot(self, path: str | Path) -> None:
        """Draw all points and the front as SVG, PNG or PDF. Raises UsageError without matplotlib (E0507)."""
        from .plot import plot

        plot(self.space, self.name, self.tally.kept, self.rows(), path)

    # Making

    def stored_rows(self) -> Iterator[Row]:
        """Rows from the journal."""
        return rows_of(self.space, self.journal.rows(), vectors(self.job), self.tally.front)

    def write(self, path: Path) -> None:
        """Write the result file and remove the journal."""
        write_results(path, self.space, map(self.noted, self.stored_rows()))
        self.path = path
        self.journal.remove()

    def noted(self, row: Row) -> Row:
        """A row on its way into the file; the first ones of the front are kept."""
        if row["front"]:
            self._front_size += 1
            if len(self._front) < REMEMBERED:
                self._front.append(dict(row))
        return row


@public(
    space=Kind("a path, or a dictionary with what the TOML file has", (PATH | TABLE).read), out=PATH | NONE,
    workers=Kind('a number or "all"', (WHOLE | TEXT).read), cluster=TEXT | NONE, restart=FLAG, changes=WORDS,
    limits=LIMITS | NONE, progress=FUNCTION | NONE,
)  # fmt: skip
def sweep(
    space: str | Path | Mapping[str, Any],
    out: str | Path | None = None,
    *,
    workers: int | str = 1,
    cluster: str | None = None,
    restart: bool = False,
    changes: Iterable[str] = (),
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Evaluate a space of networks, and find its Pareto front.

    space: a TOML file, or the same as a dictionary (`docs/sweep.md`). out: a .csv or .parquet file. Beside it lies the
    unfinished work, and the same call goes on with it; `restart` begins anew. workers: processes, or "all".
    cluster: the address of a Dask scheduler instead. changes: "limits.params=5M" and the like, in place of the file's.
    progress: called with the number of points that are done, and of all.
    With more than one worker, a script that calls this needs `if __name__ == "__main__":` around the call.
    Raises UsageError for what is wrong with the request or has no effect (E0580), NetworkError where no
    point compiles (E0595).
    """
    if cluster is not None and workers not in (1, "1"):
        raise usage("E0580", option="workers", other="`cluster`")
    if restart and out is None:
        raise usage("E0580", option="restart", other="no `out`")
    path = "the space" if isinstance(space, Mapping) else str(space)
    read = make_space(changed(space, path, changes), path) if isinstance(space, Mapping) else read_space(path, changes)
    target = prepared(out, path, read)
    limits = limits or Limits()
    root = None if isinstance(space, Mapping) else project_of(path, limits)  # who calls with data is no file
    with deep_recursion():
        job = make_job(read, path, limits, root)
        journal = Journal(target and work_path(target), identity(job), chunks(read.total, CHUNK), restart)
        try:
            found = Sweep(job, evaluated(job, journal, workers, cluster, progress), journal)
            if found.failed == found.points:
                journal.remove()
                raise nothing_compiles(job)
            if target is not None:
                found.write(target)
            return found
        except BaseException:
            journal.close()
            raise


def prepared(out: str | Path | None, path: str, space: Space) -> Path | None:
    """The result file, refused now if it could not be written at the end."""
    if out is None:
        return None
    form = form_of(out)
    keep_sources(out, space=path, program=space.network)
    target = Path(out)
    for written in (target, *files_of(work_path(target))):
        check_target(written)
    if form == ".parquet":
        from ...backends import require

        require(["pyarrow"])
    return target


def work_path(target: Path) -> Path:
    return target.with_name(target.name + ENDING)


def evaluated(job: Job, journal: Journal, workers: int | str, cluster: str | None, progress: Progress | None) -> Tally:
    """Evaluate the chunks that the journal lacks; the sums of all."""
    tally, count = Tally(), job.space.total
    for sums in journal.tallies():
        tally.add(sums)
    tell = progress or (lambda done, count: None)
    tell(tally.points, count)
    if tally.points == count:
        return tally
    with open_engine(job, workers, cluster) as engine:
        for chunk in engine(journal.todo()):
            journal.add(chunk)
            tally.add(chunk.sums())
            tell(tally.points, count)
    return tally


def vectors(job: Job) -> Callable[[Point, Stored], Vector]:
    """What gives a point's objectives."""
    return Evaluator(job).vector


def nothing_compiles(job: Job) -> NetworkError:
    """The mistakes of the first point, under a line that says that no point is better."""
    first = Points(job.space).at(0)
    template = Template(Source(*job.program), limits=job.limits)
    template.loader = loader_of(job)
    found = [d for d in template.build(first.input, first.params).diagnostics if d.is_error]
    count = job.space.total
    return NetworkError([Diagnostic("E0595", {"count": count, "name": job.program.name}, None), *found])
