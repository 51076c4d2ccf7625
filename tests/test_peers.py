"""cnnc's conventions against the tools' own figures in data/peers.json, and against loops that count every product."""

import json
import re
from math import prod

import cnnc
import numpy as np
import pytest
from cnnc.compiler.conventions import CONVENTIONS
from conftest import ROOT
from differences import DIFFERENCES, explained
from layers import LAYERS
from networks import NETWORKS, program, variants
from page import MEASURED, page
from probes import BACKWARD, PROBES

FIGURES = json.loads((ROOT / "tests" / "data" / "peers.json").read_text())
WRONG = [
    ("torch", "attention", 2 / 2),
    ("fvcore", "attention", 1 / 2),
    ("fvcore", "padding='same'", 0),
    ("ptflops-aten", "attention", 1 / 2),
    ("ptflops", "subclass", 0),
    ("ptflops", "functional", 0),
    ("ptflops", "matrix product", 0),
    ("ptflops", "shared, two parents", 2),
    ("thop", "transposed", 4),
    ("thop", "subclass", 0),
    ("thop", "functional", 0),
    ("thop", "attention", 0),
    ("thop", "shared, two parents", 4),
    ("torchinfo", "transposed", 4),
    ("torchinfo", "tokens", 1 / 16),
    ("torchinfo", "functional", 0),
    ("torchinfo", "attention", 0),
    ("calflops MACs", "transposed, grouped", 1 / 2),
    ("calflops MACs", "matrix product", 0),
    ("calflops MACs", "attention", 1 / 2),
    ("calflops MACs", "shared, two parents", 2),
    ("onnx-tool", "transposed", 6),
    ("onnx-tool", "transposed, grouped", 12),
]
"""What docs/peers.md says of tools, as factors on the products; torch's FLOPs are twice those."""
PINNED = dict(re.findall(r"(?m)^([\w-]+)==(\S+)$", (ROOT / "benchmarks" / "requirements.txt").read_text()))


@pytest.mark.parametrize("tool", MEASURED)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, tool: str) -> None:
    """The tool's figure for torchvision's model, but for what one reason explains to the last operation."""
    net = program(name)
    assert FIGURES["networks"][name][tool] - net.cost(tool) == explained(name, tool, net)


@pytest.mark.parametrize("name", NETWORKS)
def test_published_figures(name: str) -> None:
    assert round(program(name).cost("torchvision") / 1e9, 3) == variants()[name]["reference_gmacs"]


def test_no_reason_without_a_difference() -> None:
    assert all(explained(name, tool, program(name)) for name, tool in DIFFERENCES)


def test_most_networks_need_no_reason() -> None:
    assert len(CONVENTIONS) == 7
    assert len(set(NETWORKS) - {name for name, _ in DIFFERENCES}) >= 19


@pytest.mark.parametrize("name", NETWORKS)
def test_multiply_accumulates_where_a_tool_has_no_convention_of_ours(name: str) -> None:
    assert FIGURES["networks"][name]["calflops MACs"] == program(name).macs
    assert FIGURES["networks"][name]["onnx-tool"] > program(name).macs


@pytest.mark.parametrize("name", LAYERS)
def test_single_layers(name: str) -> None:
    """Every rule by itself, on PyTorch's module. Of upsampling, ptflops counts the module and its function."""
    net = cnnc.compile(LAYERS[name].program, input=LAYERS[name].size)
    twice = {"ptflops": prod(net.output_shape)} if name.startswith("Upsample") else {}
    assert FIGURES["layers"][name] == {tool: net.cost(tool) + twice.get(tool, 0) for tool in MEASURED}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", PROBES)
def test_probes(name: str) -> None:
    """The loop computes what the module computes, with as many products as cnnc counts."""
    products, result, expected = PROBES[name].run()
    np.testing.assert_allclose(result, expected, atol=1e-12)
    net = cnnc.compile(PROBES[name].program, input=PROBES[name].size)
    assert net.macs == products
    assert net.cost("torch") == 2 * products
    assert set(FIGURES["probes"][name]) == {*MEASURED, "calflops MACs", "calflops FLOPs", "onnx-tool"}


@pytest.mark.parametrize(("tool", "probe", "factor"), WRONG)
def test_tools_are_as_wrong_as_the_notes_say(tool: str, probe: str, factor: float) -> None:
    assert FIGURES["probes"][probe][tool] == factor * PROBES[probe].run()[0]


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_passes(name: str) -> None:
    """Gradients by loops, and their products from the layers: three times all, less the first one's input's."""
    products, result, expected = BACKWARD[name].run()
    for ours, theirs in zip(result, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
    net = cnnc.compile(BACKWARD[name].program)
    assert products == 3 * net.macs - net.layers[0].macs


def test_figures_are_of_the_pinned_versions() -> None:
    measured = {name: version for name, version in FIGURES["versions"].items() if name in PINNED}
    assert {name: PINNED[name] for name in measured} == measured
    assert {"fvcore", "ptflops", "thop", "torchinfo", "calflops", "onnx-tool"} == set(measured)


def test_the_page_is_up_to_date() -> None:
    """docs/peers.md is what `make peers` writes."""
    assert (ROOT / "docs" / "peers.md").read_text() == page(FIGURES)
