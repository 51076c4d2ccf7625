"""A space of networks: what SPACE.toml says, read and checked. docs/sweep.md describes the keys."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..diagnostics import CnncError, show
from ..fitting import read_amount
from ..memory import DTYPE_BYTES
from ..requests import LARGEST_BATCH
from ..training import OPTIMIZER_STATE
from .values import Place, input_range, number_range, read_input, read_param, read_values

FIGURES = ("params", "macs", "flops", "peak", "weights", "activations", "training", "seconds")
"""What limits and objectives can be about, besides the keys of the space."""

BYTES = {
    "peak": "peak_bytes", "weights": "weight_bytes", "activations": "activation_bytes", "training": "training_bytes",
}  # fmt: skip
"""The figures that are bytes, with the names that results have for them."""

KEYS = (
    "network", "params", "input", "batch", "dtype", "device", "optimizer", "sample", "points", "seed",
    "limits", "front",
)  # fmt: skip
MOST_POINTS = 10**9
"""Points that one sweep evaluates; years in one process, days on a large cluster. No flag: `points` takes a sample."""

DEFAULT_FRONT: dict[str, Any] = {"minimise": ["macs", "peak"], "maximise": ["params"]}


class Space(NamedTuple):
    """What is swept over. `params` has each build parameter's name and values."""

    network: str
    params: tuple[tuple[str, tuple[Any, ...]], ...]
    inputs: tuple[Any, ...]
    batches: tuple[int, ...]
    dtypes: tuple[str, ...]
    device: str | None
    optimizer: str
    sample: str
    points: int | None
    """Of a random sample."""
    seed: int
    limits: tuple[tuple[str, int | float], ...]
    minimise: tuple[str, ...]
    maximise: tuple[str, ...]

    @property
    def size(self) -> int:
        """All combinations of the values."""
        sizes = (len(self.inputs), len(self.batches), len(self.dtypes))
        return math.prod((*(len(values) for _, values in self.params), *sizes))

    @property
    def total(self) -> int:
        """The points that are evaluated."""
        return self.size if self.points is None else self.points

    @property
    def objectives(self) -> tuple[str, ...]:
        return (*self.minimise, *self.maximise)

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures that every point has: training memory only where it is asked for, time only with a device."""
        asked = {name for name, _ in self.limits} | set(self.objectives)
        left_out = {"training"} - asked | ({"seconds"} if self.device is None else set())
        return tuple(name for name in FIGURES if name not in left_out)


def make_space(table: Mapping[str, Any], path: str) -> Space:
    """A space from the data of a TOML file. Paths in it are relative to it. Raises UsageError (E0592)."""
    folder = Path(path).parent
    for key in table:
        if key not in KEYS:
            Place(path, key).wrong("there is no such key", f"the keys are {', '.join(KEYS)}")
    params = tuple(
        (name, read_values(Place(path, f"params.{name}"), given, read_param, number_range))
        for name, given in _table(path, table, "params").items()
    )
    space = Space(
        str(folder / _word(path, table, "network")),
        params,
        read_values(Place(path, "input"), table["input"], read_input, input_range) if "input" in table else (None,),
        read_values(Place(path, "batch"), table.get("batch", 1), _batch, number_range),
        read_values(Place(path, "dtype"), table.get("dtype", "fp32"), _dtype),
        _device(path, table, folder),
        _choice(path, table, "optimizer", tuple(OPTIMIZER_STATE), "sgd"),
        _choice(path, table, "sample", ("grid", "random"), "random" if "points" in table else "grid"),
        _number(path, table, "points", 1),
        _number(path, table, "seed", 0) or 0,
        _limits(path, _table(path, table, "limits")),
        *_front(path, _table(path, table, "front"), params),
    )
    _check_sample(space, table, path)
    _check_figures(space, path)
    return space


# Keys


def _table(path: str, table: Mapping[str, Any], key: str) -> dict[str, Any]:
    given = table.get(key, {})
    if not isinstance(given, dict):
        Place(path, key).wrong("it is a table", f"write [{key}] on a line of its own, and its keys below")
    return given


def _word(path: str, table: Mapping[str, Any], key: str) -> str:
    given = table.get(key)
    if not isinstance(given, str) or not given:
        reason = "it is missing" if given is None else f"text is needed, not {show(given)}"
        Place(path, key).wrong(reason, 'name a program, relative to the file: network = "resnet.cnn"')
    return given


def _choice(path: str, table: Mapping[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
    given = table.get(key, default)
    if given not in known:
        Place(path, key).wrong(f"`{show(given)}` is none of them", f"there are {', '.join(known)}")
    return str(given)


def _number(path: str, table: Mapping[str, Any], key: str, least: int) -> int | None:
    given = table.get(key)
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < least):
        Place(path, key).wrong(f"a whole number of at least {least} is needed, not {show(given)}")
    return given


def _batch(place: Place, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_BATCH:
        place.wrong(f"`{show(value)}` is not a batch size", "give whole numbers of at least 1")
    return value


def _dtype(place: Place, value: Any) -> str:
    if not isinstance(value, str) or value not in DTYPE_BYTES:
        place.wrong(f"`{show(value)}` is not a type", f"there are {', '.join(DTYPE_BYTES)}")
    return str(value)


def _device(path: str, table: Mapping[str, Any], folder: Path) -> str | None:
    given = table.get("device")
    if given is not None and not isinstance(given, str):
        Place(path, "device").wrong(f"text is needed, not {show(given)}", "name one device of docs/devices.md")
    return str(folder / given) if given is not None and ".toml" in given else given


def _limits(path: str, table: dict[str, Any]) -> tuple[tuple[str, int | float], ...]:
    for name in table:
        if name not in FIGURES:
            Place(path, f"limits.{name}").wrong("there is no such limit", f"limits are on {', '.join(FIGURES)}")
    return tuple((name, _amount(Place(path, f"limits.{name}"), name, given)) for name, given in table.items())


def _amount(place: Place, name: str, given: Any) -> int | float:
    """A limit: "5M" or a number of at least 1; of time a number of seconds."""
    number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if name == "seconds":
        if not number or not 0 < given < math.inf:
            place.wrong(f"`{show(given)}` is not a time", "give a number of seconds above 0")
        return float(given)
    try:
        return read_amount(str(given) if number else given, name in BYTES)
    except (CnncError, AttributeError):
        way = 'give a number of at least 1, or text with K, M or G: params = "5M"; of bytes these are powers of 1024'
        place.wrong(f"`{show(given)}` is not an amount", way)


def _front(path: str, table: dict[str, Any], params: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is minimised and what is maximised."""
    for key in table:
        if key not in DEFAULT_FRONT:
            Place(path, f"front.{key}").wrong("there is no such key", "the keys are minimise and maximise")
    wanted, known = table or DEFAULT_FRONT, _comparable(params)

    def read(place: Place, name: Any) -> str:
        if name not in known:
            place.wrong(f"`{show(name)}` cannot be compared", f"there are {', '.join(known)}")
        return str(name)

    least, most = (
        read_values(Place(path, f"front.{key}"), wanted[key], read) if key in wanted else () for key in DEFAULT_FRONT
    )
    for name in set(least) & set(most):
        Place(path, "front").wrong(f"`{name}` is minimised and maximised", "leave it out of one of the two lists")
    return least, most


def _comparable(params: Any) -> list[str]:
    """The names of figures and of keys whose values are numbers."""
    names = [
        column_of(name)
        for name, values in params
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    ]
    return [*FIGURES, "input", "batch", *names]


def column_of(param: str) -> str:
    """The name of a build parameter in results, which is its own unless something else is called so."""
    return f"params.{param}" if param in RESERVED else param


RESERVED = frozenset((*FIGURES, *BYTES.values(), "point", "input", "batch", "dtype", "front"))


def _check_sample(space: Space, table: Mapping[str, Any], path: str) -> None:
    for key in ("points", "seed"):
        if space.sample == "grid" and key in table:
            Place(path, key).wrong("a grid has all points", 'leave it out, or write sample = "random"')
    if space.sample == "random" and space.points is None:
        Place(path, "points").wrong("it is missing", "say how many points a random sample has: points = 10000")
    if space.points is not None and space.points > space.size:
        way = f'give at most {show(space.size)}, or leave it out with sample = "grid"'
        Place(path, "points").wrong(f"the space has {show(space.size)} points, fewer than {show(space.points)}", way)
    if space.total > MOST_POINTS:
        way = 'evaluate some of them: sample = "random" and points = 1000000'
        reason = f"{show(space.total)} points are more than {MOST_POINTS:,}"
        Place(path, "points" if "points" in table else "params").wrong(reason, way)


def _check_figures(space: Space, path: str) -> None:
    """Refuse limits and objectives that need a key which is not there."""
    for key, names in (("limits", [name for name, _ in space.limits]), ("front", space.objectives)):
        if "seconds" in names and space.device is None:
            way = 'name one of docs/devices.md: device = "h100"'
            Place(path, key).wrong("seconds need a device, and there is none", way)
        if "training" in names and "int8" in space.dtypes:
            reason = "training memory is asked for, and `dtype` has int8, which no network is trained in"
            Place(path, key).wrong(reason, "leave out the type or the figure")
