"""Values that are no good argument of any function, and objects whose methods fail."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Evil:
    """An object all of whose methods fail."""

    def fail(self, *_: object) -> Any:
        raise RuntimeError("a method of a hostile object")

    __str__ = __repr__ = __index__ = __int__ = __float__ = __bool__ = __eq__ = __hash__ = __len__ = __iter__ = fail
    __getitem__ = __fspath__ = __lt__ = __gt__ = __le__ = __ge__ = __add__ = __format__ = __contains__ = fail


class EvilText(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("a method of hostile text")

    def __hash__(self) -> int:
        raise RuntimeError("a method of hostile text")

    __str__ = __repr__ = split = replace = removeprefix = __hash__  # type: ignore[assignment]


class Unsized:
    """Looks like a sequence and never ends."""

    def __iter__(self) -> Iterator[int]:
        while True:
            yield 3


def looped() -> list[Any]:
    """A list that holds itself."""
    value: list[Any] = [3]
    value.append(value)
    return value


HOSTILE: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "true": lambda: True,
    "zero": lambda: 0,
    "negative": lambda: -1,
    "large": lambda: 2**63,
    "larger": lambda: 10**5000,
    "float": lambda: 2.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "complex": lambda: 1j,
    "empty": lambda: "",
    "blank": lambda: " ",
    "nul": lambda: "\0",
    "surrogate": lambda: "\udcff",
    "words": lambda: "no such thing {0} %s \n\x1b[31m",
    "long": lambda: "9" * 5000,
    "bytes": lambda: b"3x8x8",
    "list": lambda: [],
    "looped": looped,
    "nested": lambda: [[1], {"a": 2}],
    "dict": lambda: {},
    "odd dict": lambda: {1: 2, None: object()},
    "evil dict": lambda: {"c": Evil()},
    "set": lambda: {3, 8},
    "int64": lambda: np.int64(1),
    "float32": lambda: np.float32(0.5),
    "array": lambda: np.zeros((2, 2)),
    "objects": lambda: np.array([None, {}], dtype=object),
    "evil": Evil,
    "evil text": lambda: EvilText("torch"),
    "unsized": Unsized,
    "path": lambda: Path("no/such/file"),
    "folder": lambda: Path(),
    "type": lambda: int,
    "function": lambda: len,
    "object": object,
    "range": lambda: range(10**9),
    "generator": lambda: (x for x in "ab"),
    "tensor": lambda: torch.zeros(2, 2),
}
