"""`use`: blocks of other files keep the names and `set` lines of their file, which is one however it is named."""

from pathlib import Path

import cnnc
import numpy as np
import pytest
from cnnc.backends import numpy as reference
from cnnc.compiler.verify import random_weights
from support import ONNX_TOLERANCE, TORCH_TOLERANCE, difference, inputs_for, run_onnx, run_torch

UNITS = """net units(width=4, act=steep)
set conv(p=same, bias=false)
set leaky_relu(a=0.5)
set unit(n=2)
shared mix = conv1x1(3) -> relu
sizes = [width, 2 * width]
scale2 = sizes[1] * 2
block steep = lrelu
block relu6 = lrelu(0.25)
block unit(c=scale2, n=1) = conv3x3(c) * n -> act -> conv1x1(3) -> mix
block hidden = relu6 -> mix
block both = unit -> hidden
block sized(c=len(sizes)) = conv1x1(c) -> cbr(c)
set conv(bias=true)
block later = conv1x1(width)
block unit5(k=3) = conv(2, k)
input 3x8x8 -> unit as t
output y = t
"""
PARAMS = {
    "unit": 3 * 16 * 9 + 16 * 3 + 9,
    "hidden": 9,
    "both": 3 * 16 * 9 + 16 * 16 * 9 + 16 * 3 + 9,
    "sized": 3 * 2 + 2 * 2 * 9 + 2 * 2,
    "later": 3 * 4 + 4,
    "unit5(5)": 3 * 2 * 25 + 2,
}
"""By the file's own names: a width of 4, so scale2 is 16; mix has one set of weights; n=2 is for uses in the file."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "units.cnn").write_text(UNITS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str, name: str = "main.cnn") -> cnnc.Net:
    Path(name).write_text(text)
    return cnnc.load(name)


def agree(net: cnnc.Net) -> None:
    """PyTorch and ONNX Runtime compute what the reference does, with the same stored tensors."""
    weights, inputs = random_weights(net.graph, 2), inputs_for(net)
    wanted = list(reference.run(net, [x.double().numpy() for x in inputs], weights).values())
    module = net.to_torch(weights=weights).eval()
    assert sorted(module.state_dict()) == sorted(weights)
    for found, want in zip(run_torch(module, inputs), wanted, strict=True):
        assert difference(found, want) < TORCH_TOLERANCE
    for found, want in zip(run_onnx(net.to_onnx(weights=weights), inputs), wanted, strict=True):
        assert difference(found, want) < ONNX_TOLERANCE


def ops(net: cnnc.Net) -> list[str]:
    return [row.op for row in net.layers]


@pytest.mark.parametrize("block", PARAMS)
@pytest.mark.parametrize("listed", [True, False])
def test_names_of_the_file(block: str, listed: bool, project: Path) -> None:
    """Shared layers, numbers, lists, parameters, other blocks, `set` lines, aliases and shadows are the file's."""
    name = block.split("(")[0]
    net = load(f'use "units.cnn"{f" ({name})" if listed else ""}\nset conv(bias=true)\ninput 3x8x8 -> {block}')
    assert net.params == PARAMS[block]
    agree(net)


def test_the_same_in_the_file_itself(project: Path) -> None:
    """What a block is where it is used is what it is in its own file."""
    used = load('use "units.cnn" (unit)\ninput 3x8x8 -> unit(n=2) as t\noutput y = t')
    own = cnnc.load("units.cnn")
    assert (used.params, ops(used), used.macs) == (own.params, ops(own), own.macs)
    attributes = [row.step.attrs for net in (used, own) for row in net.layers if row.op == "lrelu"]
    assert [a.a for a in attributes] == [0.5, 0.5]


def test_a_shared_layer_has_one_set_of_weights(project: Path) -> None:
    net = load('use "units.cnn" (unit, hidden)\ninput 3x8x8 -> unit -> hidden -> unit')
    assert [name for name in random_weights(net.graph, 0) if name.startswith("mix")] == ["mix.0.weight"]
    agree(net)


@pytest.mark.parametrize(
    "uses",
    [
        'use "units.cnn" (unit)\nuse "./units.cnn" (hidden)',
        'use "units.cnn" (unit)\nuse "link.cnn" (hidden)',
        'use "units.cnn" (unit)\nuse "sub/../units.cnn" (hidden)',
        'use "units.cnn" (unit)\nuse "units.cnn" (hidden, unit)',
        'use "units.cnn"\nuse "./units.cnn"',
    ],
)
def test_one_file_under_two_paths(uses: str, project: Path) -> None:
    (project / "sub").mkdir()
    (project / "link.cnn").symlink_to("units.cnn")
    net = load(f"{uses}\ninput 3x8x8 -> unit -> hidden")
    assert net.params == PARAMS["unit"]
    agree(net)


def test_two_files_that_use_a_third(project: Path) -> None:
    """They share its shared layer, which is one."""
    (project / "a.cnn").write_text('use "units.cnn" (hidden)\nblock first = tanh -> hidden\n')
    (project / "b.cnn").write_text('use "units.cnn" (hidden)\nblock second = sigmoid -> hidden\n')
    net = load('use "a.cnn"\nuse "b.cnn"\ninput 3x8x8 -> first -> second')
    assert net.params == 9
    agree(net)


def test_shared_layers_of_one_name_in_two_files(project: Path) -> None:
    """Each has weights of its own; the program's keep the name."""
    (project / "other.cnn").write_text("shared mix = conv1x1(3) -> tanh\nblock other = mix -> mix\n")
    text = 'use "other.cnn"\nuse "units.cnn" (hidden)\nshared mix = conv1x1(3, bias=false)\ninput 3x8x8 -> hidden -> '
    net = load(text + "other -> mix -> conv1x1(3) as mix2 -> (relu -> mix)")
    names = {name.rpartition(".")[0]: array.shape for name, array in random_weights(net.graph, 0).items()}
    assert set(names) == {"mix", "mix2.0", "mix3.0", "mix22"}
    assert net.params == 9 + 9 + 12 + 12
    agree(net)


def test_only_what_a_line_lists_is_brought_in(project: Path) -> None:
    """Also in a file that is used itself, which hands on nothing of it."""
    (project / "a.cnn").write_text('use "units.cnn" (hidden)\nblock first = hidden\nblock second = later\n')
    assert load('use "a.cnn"\ninput 3x8x8 -> first').params == 9
    Path("wrong.cnn").write_text('use "a.cnn"\ninput 3x8x8 -> second')
    with pytest.raises(cnnc.NetworkError) as caught:
        cnnc.load("wrong.cnn")
    assert [d.code for d in caught.value.diagnostics] == ["E0301"]
    Path("wrong.cnn").write_text('use "a.cnn"\ninput 3x8x8 -> hidden')
    with pytest.raises(cnnc.NetworkError) as caught:
        cnnc.load("wrong.cnn")
    assert [d.code for d in caught.value.diagnostics] == ["E0301"]


def test_files_of_one_name_in_two_folders(project: Path) -> None:
    """Their blocks may stand at the same place of their texts and have one name, and are two."""
    for folder, layer in (("a", "relu"), ("b", "tanh")):
        (project / folder).mkdir()
        (project / folder / "inner.cnn").write_text(f"block unit(c) = conv1x1(c) -> {layer}\n")
        (project / f"{folder}.cnn").write_text(f'use "{folder}/inner.cnn"\nblock {folder}1(c) = unit(c) -> unit(c)\n')
    net = load('use "a.cnn"\nuse "b.cnn"\ninput 3x8x8 -> a1(4) -> b1(4) -> a1(5)')
    assert ops(net) == ["conv", "relu"] * 2 + ["conv", "tanh"] * 2 + ["conv", "relu"] * 2
    agree(net)


def test_build_parameters_of_the_program_are_its_own(project: Path) -> None:
    Path("main.cnn").write_text('use "units.cnn" (later)\nnet main(width=9)\ninput 3x8x8 -> later -> conv1x1(width)')
    assert cnnc.load("main.cnn", params={"width": 2}).output_shape == (1, 2, 8, 8)
    assert cnnc.load("main.cnn").params == 16 + 4 * 9 + 9


def test_a_program_changes_defaults_of_what_it_uses(project: Path) -> None:
    net = load('use "units.cnn" (sized)\nset sized(c=5)\ninput 3x8x8 -> sized')
    assert net.output_shape == (1, 5, 8, 8)


def test_results_are_those_of_the_file_in_one_piece(project: Path) -> None:
    """The used file's text with the program's below it computes the same with the same weights."""
    used = load('use "units.cnn" (both)\ninput 3x8x8 -> both')
    flat = cnnc.compile(UNITS.partition("input")[0].partition("set conv(bias=true)")[0] + "input 3x8x8 -> both")
    weights, inputs = random_weights(flat.graph, 0), [np.random.default_rng(0).standard_normal((2, 3, 8, 8))]
    assert sorted(weights) == sorted(random_weights(used.graph, 0))
    (a,), (b,) = (reference.run(net, inputs, weights).values() for net in (used, flat))
    assert difference(a, b) == 0.0
