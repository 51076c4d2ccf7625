"""Networks and errors go through `copy` and `pickle`: what a pool of processes needs."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import cnnc
import pytest
from cnnc.compiler.verify_ir import check_graph
from conftest import EXAMPLES, ROOT

DEEP = "block b(n) = relu -> (b(n - 1) if n > 0) -> conv1x1(3)\ninput 3x4x4 -> b(400)"
LONG = "input 3x4x4 -> " + " -> ".join(f"conv1x1({i % 7 + 1})" for i in range(400))
PAIRED = "input 3xHxW -> maxpool2 as p -> conv1x1(3) -> unpool2(p) -> upsample(size=(hin, max(win, 17)))"
SHARED = """shared mix = conv1x1(3) -> bn
input a: 3x8x8, b: 3x8x8
output left = a -> mix -> mix, right = b -> mix
aux early = a -> gap
train { loss = mse(left), optimizer = adam }"""
TEXTS = [DEEP, LONG, PAIRED, SHARED, (ROOT / "tests/golden/features/program.cnn").read_text(encoding="utf-8")]
WAYS = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]


def same(made: cnnc.Net, net: cnnc.Net) -> bool:
    """Whether two networks say the same of themselves."""
    check_graph(made.graph)
    sources = [n.torch_source() for n in (made, net) if not n.symbols]
    return made.ir() == net.ir() and made.to_dict() == net.to_dict() and len(set(sources)) <= 1


@pytest.mark.parametrize("way", WAYS, ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("text", TEXTS, ids=["deep", "long", "paired", "shared", "features"])
def test_networks(way: Callable[[Any], Any], text: str) -> None:
    net = cnnc.compile(text)
    made = way(net)
    assert same(made, net)
    assert [d.to_dict() for d in made.warnings] == [d.to_dict() for d in net.warnings]


def test_examples() -> None:
    for path in EXAMPLES[::4]:
        net = cnnc.load(path)
        assert same(pickle.loads(pickle.dumps(net)), net)


def test_layers_are_the_registered_ones() -> None:
    """A copied layer would differ from itself, and its rules cannot be copied."""
    net = cnnc.compile("conv3x3(8) -> bn", input=(3, 8, 8))
    for way in WAYS:
        made = way(net)
        assert all(a.op is b.op for a, b in zip(made.graph.root.steps, net.graph.root.steps, strict=True))
        assert [row.work for row in way(net.layers)] == [row.work for row in net.layers]


def test_what_is_made_of_networks() -> None:
    net = cnnc.compile("net n(c=4)\ninput 3x8x8 -> conv3x3(c)")
    template = pickle.loads(pickle.dumps(cnnc.Template("net n(c=4)\ninput 3x8x8 -> conv3x3(c)")))
    assert same(template.compile(), net)
    difference = net.diff(template.compile(params={"c": 8}))
    assert pickle.loads(pickle.dumps(difference)).to_dict() == difference.to_dict()


@pytest.mark.parametrize("way", WAYS, ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("path", sorted((ROOT / "tests/errors").glob("*.cnn"))[::10], ids=lambda p: p.stem)
def test_errors_of_networks(way: Callable[[Any], Any], path: Any) -> None:
    text = path.read_bytes().decode(errors="replace")
    try:
        cnnc.compile(text, input=None if "input" in text else (3, 8, 8))
    except cnnc.CnncError as error:
        made = way(error)
        assert type(made) is type(error)
        assert (made.code, made.notes, made.help, str(made)) == (error.code, error.notes, error.help, str(error))
        assert [d.to_dict() for d in made.diagnostics] == [d.to_dict() for d in error.diagnostics]


def test_errors_of_requests() -> None:
    with pytest.raises(cnnc.UsageError) as caught:
        cnnc.compile("relu", input=(3, 8, 8)).cost("nonsense")
    made = pickle.loads(pickle.dumps(caught.value))
    assert type(made) is cnnc.UsageError
    assert str(made) == str(caught.value)
