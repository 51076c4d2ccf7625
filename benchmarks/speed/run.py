"""All contests, side by side: `make speed`. Prints the tables and writes docs/speed.md.

Names of contests' groups as arguments run those alone and write nothing.
"""

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from contest import Contest, judge, run
from page import page, table

TARGET = Path(__file__).resolve().parents[2] / "docs" / "speed.md"


def cold(folder: Path) -> Iterator[Contest]:
    import processes
    from torchvision.models import resnet50
    from writing import export

    model = folder / "resnet50.onnx"
    export(resnet50().eval(), model, False)
    found = processes.Processes(model)
    yield found.cold()
    yield found.memory()


def process(folder: Path) -> Iterator[Contest]:
    import analysis

    yield analysis.reports()
    yield analysis.analysis()


def search(folder: Path) -> Iterator[Contest]:
    import search as candidates

    yield candidates.search()


def write(folder: Path) -> Iterator[Contest]:
    import writing

    yield writing.onnx_models()
    yield writing.onnx_files(folder)
    yield writing.modules()


def execute(folder: Path) -> Iterator[Contest]:
    import execution

    for name in execution.PROGRAMS:
        for job in execution.JOBS:
            yield execution.eager(name, job)
            yield execution.peak(name, job)
    yield execution.runtimes(folder, False)
    yield execution.runtimes(folder, True)


def grow(folder: Path) -> Iterator[Contest]:
    import growth

    yield growth.growth("seconds", "µs", 3)
    yield growth.growth("bytes", "bytes", 1)
    yield growth.folded()


GROUPS: dict[str, Callable[[Path], Iterator[Contest]]] = {
    "cold": cold, "process": process, "search": search, "write": write, "execute": execute, "grow": grow,
}  # fmt: skip


def main() -> None:
    warnings.filterwarnings("ignore")
    chosen = sys.argv[1:] or list(GROUPS)
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for group in chosen:
            for contest in GROUPS[group](Path(folder)):
                figures = run(contest)
                told.append(table(contest, figures, judge(contest, figures)))
                print(told[-1], flush=True)
    if not sys.argv[1:]:
        TARGET.write_text(page(told))
        print(f"wrote docs/{TARGET.name}")


if __name__ == "__main__":
    main()
