"""Results as rows, and as CSV and Parquet files that are written row by row and read row by row."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from ..diagnostics import usage
from ..requests import known_as
from ..writing import replacing
from .evaluate import Stored
from .pareto import Front
from .points import Points
from .space import BYTES, Space, column_of
from .values import spelled

Row = dict[str, Any]
"""A kept point: its number, the value of each key, its figures, and whether it is on the front."""

FORMS = (".csv", ".parquet")
GROUP = 50_000
"""Rows that a Parquet file stores together; so many are held at once."""

INT64 = 2**63


def form_of(path: str | Path) -> str:
    """The form that a file's ending stands for. Raises UsageError (E0518)."""
    ending = Path(path).suffix.lower()
    known_as("form of results", ending or str(path), FORMS)
    return ending


def columns(space: Space) -> tuple[str, ...]:
    """The names of a row's parts, in order."""
    params = (column_of(name) for name, _ in space.params)
    figures = (BYTES.get(name, name) for name in space.figures)
    return ("point", *params, "input", "batch", "dtype", *figures, "front")


def rows_of(space: Space, stored: Iterable[Stored], vectors: Any, front: Front) -> Iterator[Row]:
    """Rows from what the journal has. vectors: gives a point's objectives."""
    points, names = Points(space), columns(space)
    for found in stored:
        number, input, *figures = found
        point = points.at(number)
        on_front = vectors(point, found) in front
        values = (number, *point.params.values(), input, point.batch, point.dtype, *figures, on_front)
        yield dict(zip(names, values, strict=True))


def write_results(path: Path, space: Space, rows: Iterable[Row]) -> None:
    """Write a result file, the old one or the new one at any time. Raises UsageError (E0503)."""
    with replacing(path) as file:
        (write_parquet if form_of(path) == ".parquet" else write_csv)(file, path, space, rows)


def read_results(path: Path, space: Space) -> Iterator[Row]:
    """The rows of a result file, with the values that the space has. Raises UsageError (E0501)."""
    known = {
        column_of(name): {stored(v, kind): v for v in values} for name, values, kind in kinds(space, form_of(path))
    }
    read = read_parquet if form_of(path) == ".parquet" else read_csv
    try:
        for row in read(path, space):
            for name, values in known.items():
                row[name] = values[row[name]]
            yield row
    except OSError as error:
        raise usage("E0501", path=str(path), reason=error.strerror or str(error)) from None


# The values of build parameters


def kinds(space: Space, form: str) -> Iterator[tuple[str, tuple[Any, ...], str]]:
    """Each build parameter's name, values and type of column; text where the values have no common one."""
    for name, values in space.params:
        yield name, values, "text" if form == ".csv" else kind(values)


def kind(values: tuple[Any, ...]) -> str:
    if all(isinstance(v, bool) for v in values):
        return "bool"
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numbers or len(set(values)) < len(values):  # 1 and 1.0 are different values, but one number
        return "text"
    if all(isinstance(v, int) and abs(v) < INT64 for v in values):
        return "int"
    return "float" if all(abs(v) < 2**53 for v in values) else "text"


def stored(value: Any, kind: str) -> Any:
    """A value as a column has it."""
    return spelled(value) if kind == "text" else float(value) if kind == "float" else value


# CSV


def write_csv(file: IO[bytes], path: Path, space: Space, rows: Iterable[Row]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns(space))
    for row in rows:
        writer.writerow(map(spelled, row.values()))
    text.detach()


def read_csv(path: Path, space: Space) -> Iterator[Row]:
    figures = [BYTES.get(name, name) for name in space.figures]
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = {name: (float if name == "seconds" else int)(row[name]) for name in ("point", "batch", *figures)}
            yield {**row, **numbers, "front": row["front"] == "true"}


# Parquet


def schema_of(space: Space) -> Any:
    import pyarrow as pa

    types = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "text": pa.string()}
    given = {column_of(name): types[kind] for name, _, kind in kinds(space, ".parquet")}
    fixed = {"input": pa.string(), "dtype": pa.string(), "seconds": pa.float64(), "front": pa.bool_()}
    return pa.schema(
        [(name, given.get(name) or fixed.get(name, pa.int64())) for name in columns(space)],
        metadata={"producer": "cnnc"},
    )


def write_parquet(file: IO[bytes], path: Path, space: Space, rows: Iterable[Row]) -> None:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema, kind_of = schema_of(space), {column_of(name): kind for name, _, kind in kinds(space, ".parquet")}
    with ParquetWriter(file, schema) as writer:
        for group in grouped(rows, GROUP):
            for row in group:
                row.update((name, stored(row[name], kind)) for name, kind in kind_of.items())
            try:
                writer.write_table(pa.Table.from_pylist(group, schema))
            except (pa.ArrowInvalid, OverflowError):
                reason = "Parquet has 64 bits for a number, and one is larger; write .csv"
                raise usage("E0503", path=str(path), reason=reason) from None


def read_parquet(path: Path, space: Space) -> Iterator[Row]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


def grouped(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
