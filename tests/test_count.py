"""Expansion bombs: the lower bound on layers that is counted before what multiplies is built."""

import pytest
from cnnc.compiler import net as api

BEFORE = " -> ".join(["relu"] * 2100)
"""So many steps that the rest of the program is counted before it is built."""

NAMES = """
shared s = relu -> conv1x1(3)
block twice(n) = (relu -> tanh) * n
block pair(f) = f -> f
block down(n) = relu -> (down(n - 1) if n > 0)
block narrow = (relu if cin > 2) -> relu
block wide = ((relu -> relu) if cin > 2 else tanh) -> relu
block deep = relu * cin -> relu
block inner = one -> one where one = relu -> tanh
"""

BODIES = {
    "relu -> tanh": 2,
    "(relu as t) -> tanh": 2,
    "(relu -> tanh) * 3": 6,
    "for i in [1, 2, 3] { relu -> tanh }": 6,
    "for l in [relu, tanh] { relu }": 2,
    "relu + tanh": 3,
    "relu * tanh": 3,
    "(relu if 1 < 2 else tanh) -> relu": 2,
    "(relu if false) -> relu": 1,
    "(relu if cin > 2) -> relu": 2,
    "relu * cin -> relu": 4,
    "narrow": 1,
    "wide": 2,
    "deep": 1,
    "s": 2,
    "twice(2)": 4,
    "pair(relu)": 2,
    "down(3)": 4,
    "inner": 4,
    "res(relu -> tanh)": 2,
    "split([relu, tanh], [1, 2])": 2,
    "[relu, tanh] -> conv1x1(3)": 3,
    "[relu for i in (1, 2)] -> conv1x1(3)": 3,
}
"""Parts of programs, and how many layers each is seen to have without any shape."""


def counted(body: str) -> tuple[int, str]:
    """The layers of which the refusal of a bomb speaks, without those that come before it, and in which words."""
    text = f"{NAMES}input 3x8x8 -> {BEFORE} -> (({body}) * 100000) * 100000"
    (found,) = [found for found in api.check(text) if found.code == "E0404"]
    return found.facts["count"] - 2100, found.facts["bound"]


@pytest.mark.parametrize(("body", "layers"), BODIES.items())
def test_bombs_are_counted(body: str, layers: int) -> None:
    assert counted(body) == (layers * 10**10, "at least ")


@pytest.mark.parametrize("results", ["output y = {} -> bomb", "output {} -> bomb", "aux a = {} -> bomb"])
def test_bombs_in_results(results: str) -> None:
    text = f"block bomb = (relu * 100000) * 100000\ninput x: 3x8x8\nt = x -> {BEFORE}\n{results.format('t')}\n"
    found = api.check(text + ("output z = t" if results.startswith("aux") else ""))
    assert [d.facts["count"] for d in found if d.code == "E0404"] == [10**10]


def test_a_mistake_is_reported_in_place_of_a_number() -> None:
    found = api.check(f"{NAMES}input 3x8x8 -> {BEFORE} -> ((relu * wrong) * 100000) * 100000")
    assert [d.code for d in found if d.is_error] == ["E0301"]


def test_a_long_count_is_given_up() -> None:
    """Beyond a number of visits nothing is said; building finds what is too much."""
    many = " -> ".join(f"many({k})" for k in range(80))
    long = f"{NAMES}block many(k) = {' + '.join(['relu'] * 300)}\ninput 3x8x8 -> {many}"
    (found,) = [found for found in api.check(f"{long} -> (relu * 100000) * 100000") if found.is_error]
    assert found.code == "E0404" and found.facts["count"] < 2 * 10**10
