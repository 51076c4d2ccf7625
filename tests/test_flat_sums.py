"""Depth, peak memory and sums of random programs, against the network written out layer by layer.

cnnc computes them region by region, counts equal repeats once and remembers what it knows of a block; here there is
nothing but a list of layers.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cnnc
import pytest
from cnnc.compiler.cost import inference_region, layer_cost
from cnnc.compiler.ir import Apply, Region, Value, known
from cnnc.compiler.memory import trace
from cnnc.compiler.ops.base import size
from conftest import EXAMPLES
from generate import program


class Layer(NamedTuple):
    """A layer with numbers for the tensors that it reads and makes."""

    step: Apply
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    skip: bool


class Flat:
    """The layers of an inference graph in order."""

    def __init__(self, net: cnnc.Net) -> None:
        self.shapes: list[Any] = []
        root = inference_region(net.graph)
        self.inputs = [self.tensor(value) for value in root.inputs]
        self.layers: list[Layer] = []
        self.outputs = self.walk(root, self.inputs, False)

    def tensor(self, value: Value) -> int:
        self.shapes.append(known(value))
        return len(self.shapes) - 1

    def walk(self, region: Region, given: list[int], skip: bool) -> list[int]:
        where: dict[Value, int] = dict(zip(region.inputs, given, strict=True))
        for step in region.steps:
            read = [where[value] for value in step.inputs]
            if isinstance(step, Apply):
                made = [self.tensor(value) for value in step.outputs]
                self.layers.append(Layer(step, tuple(read), tuple(made), skip or step.skip))
            else:
                made = read
                for _ in range(step.count):
                    made = self.walk(step.region, made, skip or step.skip)
            where.update(zip(step.outputs, made, strict=True))
        return [where[value] for value in region.outputs]

    def depth(self) -> int:
        """The longest path of layers that count, projections of skip connections aside."""
        deep = dict.fromkeys(self.inputs, 0)
        for layer in self.layers:
            longest = max(deep[i] for i in layer.reads) + (layer.step.op.depth and not layer.skip)
            deep.update(dict.fromkeys(layer.makes, longest))
        return max(deep[i] for i in self.outputs)

    def moments(self) -> Iterator[int]:
        """The elements that are held before the first layer and during each."""
        needed = Counter([*self.outputs, *(i for layer in self.layers for i in layer.reads)])
        held = {i: (i, size(self.shapes[i])) for i in self.inputs}  # where a tensor lies, and how large that place is
        alive = [i for i in self.inputs if needed[i]]
        yield sum(elements for _, elements in held.values())
        for layer in self.layers:
            source = self.overwritten(layer, needed, held, alive)
            first, *rest = layer.makes
            held.update((i, (i, size(self.shapes[i]))) for i in rest)
            held[first] = held[source] if source is not None else (first, size(self.shapes[first]))
            alive += layer.makes
            yield sum(dict(held[i] for i in alive).values())
            needed.subtract(layer.reads)
            alive = [i for i in alive if needed[i]]

    def overwritten(self, layer: Layer, needed: Counter, held: dict[int, Any], alive: list[int]) -> int | None:
        """The operand whose place the result takes."""
        if layer.step.op.view:
            return layer.reads[0]
        for i in layer.reads if layer.step.op.inplace else ():
            alone = sum(held[j][0] == held[i][0] for j in alive) == 1
            if alone and needed[i] == layer.reads.count(i) and self.shapes[i] == self.shapes[layer.makes[0]]:
                return i
        return None


def check(net: cnnc.Net) -> None:
    flat, totals = Flat(net), net.totals
    assert totals.depth == flat.depth()
    assert totals.peak == max(flat.moments())
    assert totals.layers == len(flat.layers)
    assert totals.activations == sum(size(flat.shapes[layer.makes[0]]) for layer in flat.layers)
    work = [layer_cost(layer.step).work for layer in flat.layers]
    assert totals.work.mac == sum(one.mac for one in work) and totals.work.add == sum(one.add for one in work)


@pytest.mark.parametrize("first", range(4_000_000, 4_000_200, 20))
def test_random_programs(first: int) -> None:
    for seed in range(first, first + 20):
        drawn = program(seed)
        net = drawn.compiled()
        try:
            check(net.at(**drawn.sizes) if drawn.sizes else net)
        except cnnc.NetworkError as error:
            assert error.code == "E0343"
        except AssertionError as error:
            raise AssertionError(f"seed {seed}\n{drawn.text}") from error


@pytest.mark.parametrize(
    "text",
    [
        "input 3x4x4 -> bn as t\noutput a = t, b = t -> bn -> bn, c = t -> conv1(9)",  # an output that is read twice
        "input 2x2x2 -> relu as t -> conv1(10) as a -> (t + t) -> conv1(8) -> [id, a -> bn]",  # a block ignores a
        "input 3x4x4 -> bn as t -> (relu -> bn -> relu) * 2 -> [id, t]",
        "block b = id + (conv3(9, p=1) -> relu -> conv3(cin, p=1))\ninput 3x8x8 -> bn as t -> b * 2 -> [id, t]",
        "block b = id + (conv3(9, p=1) -> relu -> conv3(cin, p=1))\ninput 3x8x8 -> bn as t -> b * 5 -> [id, t]",
    ],
)
def test_by_hand(text: str) -> None:
    """Also moment by moment, as the page draws it."""
    net = cnnc.compile(text)
    check(net)
    moments = list(Flat(net).moments())
    assert [moment.elements for moment in trace(inference_region(net.graph), len(moments))] == moments


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    check(cnnc.load(path))
