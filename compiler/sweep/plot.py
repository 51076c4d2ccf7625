"""The picture of a sweep: all kept points in the plane of two objectives, and the Pareto front."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from ..requests import known_as
from ..writing import check_target, write_file
from .results import Row
from .space import BYTES, Space

FORMS = (".svg", ".png", ".pdf")
MOST_DOTS = 20_000
"""Points that are drawn; of more a part, evenly spread over their numbers. The front is always drawn as a whole."""

LABELS = {
    "params": "parameters",
    "macs": "multiply-accumulates",
    "flops": "FLOPs (torch), 2·MACs",
    "peak": "peak memory of activations",
    "weights": "memory of weights",
    "activations": "all activations",
    "training": "training memory",
    "seconds": "least time on {device} (seconds)",
    "input": "numbers in an input",
    "batch": "batch size (samples)",
}
WIDE = 20
"""A range whose end is so many times its beginning is drawn on a logarithmic scale."""

NOTES: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Title": "cnnc"},
    "png": {"Software": "cnnc"},
    "pdf": {"CreationDate": None, "Creator": "cnnc"},
}
"""What a picture says of itself, by which `ours.py` knows it."""

GREY, BLUE = "#9aa5b1", "#1f5fbf"


def check_plot(path: str | Path) -> None:
    """Refuse a picture that could not be made at the end: E0518, E0507, E0503."""
    from ...backends import require

    known_as("form of pictures", Path(path).suffix.lower() or str(path), FORMS)
    require(["matplotlib"])
    check_target(Path(path))


def plot(space: Space, name: str, kept: int, rows: Iterable[Row], path: str | Path) -> None:
    """Draw the rows of a sweep. Raises UsageError where that cannot be."""
    check_plot(path)
    from matplotlib import rc_context

    data, kind = io.BytesIO(), Path(path).suffix.lower().removeprefix(".")
    with rc_context({"svg.hashsalt": "cnnc", "svg.fonttype": "path"}):  # so that the same points make the same file
        figure = picture(space, name, kept, rows)
        figure.savefig(data, format=kind, dpi=160, metadata=NOTES[kind])
    write_file(path, data.getvalue())


def picture(space: Space, name: str, kept: int, rows: Iterable[Row]) -> Any:
    from matplotlib.figure import Figure  # without pyplot, which would look for a screen

    x, y = plane(space)
    dots, front = chosen(rows, x, y, stride=-(-kept // MOST_DOTS) or 1)
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.add_subplot()
    many = len(dots[0]) > 1_000  # as pixels, which do not grow with their number
    axes.scatter(dots[0], dots[1], s=9, color=GREY, alpha=0.55, linewidths=0, rasterized=many, label="points")
    if len(space.objectives) == 2:
        order = sorted(zip(*front, strict=True))
        axes.step([a for a, _ in order], [b for _, b in order], where=corner(space), color=BLUE, linewidth=1)
    axes.scatter(front[0], front[1], s=16, color=BLUE, linewidths=0, label="Pareto front", zorder=3)
    scaled(axes.xaxis, dots[0] + front[0], x, space)
    scaled(axes.yaxis, dots[1] + front[1], y, space)
    axes.set_title(title(space, name, kept, len(dots[0])), fontsize=10, parse_math=False)
    axes.grid(color="#e3e7ec", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False)
    return figure


def plane(space: Space) -> tuple[str, str]:
    """The objectives that the picture shows: the first two, or the only one and another figure."""
    first, *others = space.objectives
    return first, next(iter(others), "macs" if first != "macs" else "params")


def chosen(rows: Iterable[Row], x: str, y: str, stride: int) -> tuple[list[list[Any]], list[list[Any]]]:
    """The coordinates of every so-manieth row, and of the front."""
    dots: list[list[Any]] = [[], []]
    front: list[list[Any]] = [[], []]
    for i, row in enumerate(rows):
        for found in ([dots] if i % stride == 0 else []) + ([front] if row["front"] else []):
            found[0].append(coordinate(row, x))
            found[1].append(coordinate(row, y))
    return dots, front


def coordinate(row: Row, name: str) -> Any:
    from .evaluate import elements

    value = row[BYTES.get(name, name)]
    return float(elements(value) if name == "input" else value)


def corner(space: Space) -> Literal["pre", "post"]:
    """On which side of the front's points the dominated ones lie, going from left to right."""
    return "post" if space.objectives[0] in space.minimise else "pre"


def scaled(axis: Any, values: list[Any], name: str, space: Space) -> None:
    """A scale on which the values spread, with its unit."""
    from matplotlib.ticker import EngFormatter, FuncFormatter, MultipleLocator, NullFormatter

    if name in BYTES and values:
        axis.set_major_locator(MultipleLocator(2 ** max(0, round(max(values) - min(values)).bit_length() - 3)))
    if values and min(values) > 0 and max(values) > WIDE * min(values):
        (axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale)(
            "log", base=2 if name in BYTES else 10
        )
        axis.set_minor_formatter(NullFormatter())
    label = LABELS.get(name, f"build parameter {name}").format(device=space.device)
    axis.set_label_text(f"{label}{'' if name not in space.objectives else goal(space, name)}", parse_math=False)
    if name in BYTES:
        axis.set_major_formatter(FuncFormatter(lambda value, _: in_bytes(value)))
    elif name in LABELS:
        axis.set_major_formatter(EngFormatter(unit="s" if name == "seconds" else ""))


def goal(space: Space, name: str) -> str:
    return ", less is better" if name in space.minimise else ", more is better"


def in_bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} TiB"


def title(space: Space, name: str, kept: int, dots: int) -> str:
    part = f", {dots:,} of them drawn" if dots < kept else ""
    beside = f"; the front is of {', '.join(space.objectives)}" if len(space.objectives) > 2 else ""
    return f"{name}: {kept:,} points{part}{beside}"
