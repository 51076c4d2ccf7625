"""Foreign names, told by names, scopes and shapes: each mapping is right for every tensor, or refused."""

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnc
import numpy as np
import pytest
import torch
from cnnc.backends.foreign import COUNT
from cnnc.backends.mapping import map_names, taken_over
from cnnc.compiler.cli import run
from cnnc.compiler.ir import weights_of
from conftest import EXAMPLES, ROOT, calls_of
from torch import nn

Shapes = dict[str, tuple[int, ...]]
ZOO = ROOT / "examples/zoo"
PARTS = ("weight", "bias", "running_mean", "running_var")


def own_names(net: cnnc.Net) -> Shapes:
    return {name: weight.shape for name, weight, _ in weights_of(net.graph) if not name.endswith(COUNT)}


def table(name: str) -> Shapes:
    """The names and shapes of a model of timm, from tests/weights/."""
    found: Shapes = {}
    for line in (Path(__file__).parent / f"weights/{name}.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        path, *parts = line.split()
        for part in parts:
            kind, _, shape = part.partition("=")
            for tensor in PARTS if kind == "bn" else (kind,):
                found[f"{path}.{tensor}"] = tuple(map(int, shape.split("x")))
    return found


def mapped(net: cnnc.Net, theirs: Shapes, **options: Any) -> dict[str, str]:
    return {pair.ours: pair.theirs for pair in map_names(net.graph, theirs, **options).pairs}


def disordered(theirs: Shapes) -> list[Shapes]:
    """The same tensors as registered, sorted as text, backwards and shuffled, each under DataParallel's prefix."""
    names = [f"module.{name}" for name in theirs]
    shapes = dict(zip(names, theirs.values(), strict=True))
    shuffled = random.Random(0).sample(names, len(names))
    return [{name: shapes[name] for name in order} for order in (names, sorted(names), names[::-1], shuffled)]


# Models of others


REPVGG = """
set conv(bias=false)
block rep(c, s=1) = sum -> relu where sum = {}
block stage(c, n) = rep(c, 2) -> rep(c) * (n - 1)
input 3x64x64 -> rep(48, 2) as stem
-> stage(48, 2) as s0 -> stage(96, 4) as s1 -> stage(192, 14) as s2 -> stage(1280, 1) as s3 -> gap -> fc(1000)
"""
BRANCHES = {
    "conv_kxk": "(conv3x3(c, s, p=1) -> bn)",
    "conv_1x1": "(conv1x1(c, s) -> bn)",
    "identity": "(bn if s == 1 and cin == c)",
}


@pytest.mark.parametrize("order", ["kxk 1x1 identity", "identity 1x1 kxk", "1x1 identity kxk"])
def test_repvgg(order: str) -> None:
    """Three norms of one shape in each block: told by the convolution beside them, in whatever order they are added."""
    branches = [name for word in order.split() for name in BRANCHES if name.endswith(word)]
    net = cnnc.compile(REPVGG.format(" + ".join(BRANCHES[name] for name in branches)))
    truth = {}
    for name in own_names(net):
        scope, _, rest = name.rpartition(".bn" if ".bn" in name else ".conv")
        if name.startswith("fc"):
            truth[name] = f"head.{name}"
            continue
        number, part = rest.split(".")
        here = [b for b in branches if b != "identity" or (not scope.endswith(".0") and scope != "stem")]
        kind = "bn" if ".bn" in name else "conv"
        branch = [b for b in here if kind == "bn" or b != "identity"][int(number) - 1]
        inner = "" if branch == "identity" else f".{kind}"
        stage = scope if scope == "stem" else f"stages.{scope[1:]}"
        truth[name] = f"{stage}.{branch}{inner}.{part}"
    for theirs in disordered(table("repvgg_a0")):
        assert mapped(net, theirs) == {name: f"module.{other}" for name, other in truth.items()}


def regnet_name(name: str) -> str:
    """Ours has the projection of the skip connection first, and so counts differently in the first block of a stage."""
    if not name.startswith("stage"):
        return {"conv1": "stem.conv", "bn1": "stem.bn", "fc": "head.fc"}[name.split(".")[0]] + "." + name.split(".")[1]
    stage, block, layer, *rest = name.split(".")
    scope = f"s{stage[5:]}.b{int(block) + 1}"
    if layer == "se1":
        return f"{scope}.se.fc{rest[0][-1]}.{rest[1]}"
    kind, number = layer[:-1], int(layer[-1]) - (block == "0")
    return f"{scope}.{f'conv{number}' if number else 'downsample'}.{kind}.{rest[0]}"


def convnext_name(name: str) -> str:
    if not name.startswith("stage"):
        *scope, layer, part = name.split(".")
        if scope:
            return f"stages.{scope[0][-1]}.downsample.{int(layer == 'conv1')}.{part}"
        return {"conv1": "stem.0", "ln1": "stem.1", "fc": "head.fc", "ln2": "head.norm"}[layer] + f".{part}"
    stage, block, layer, part = name.split(".")
    scope = f"stages.{int(stage[5:]) - 1}.blocks.{block}"
    known = {"dwconv1": "conv_dw", "ln1": "norm", "conv1": "mlp.fc1", "conv2": "mlp.fc2"}
    return f"{scope}.gamma" if layer == "scale1" else f"{scope}.{known[layer]}.{part}"


def se_resnet_name(name: str) -> str:
    return name.replace("gate1.conv", "se.fc")


REGNET_Y_400MF = {"depth": 16, "w_0": 48, "w_a": 27.89, "w_m": 2.09, "group": 8, "se_ratio": 0.25}


@pytest.mark.parametrize(
    ("model", "program", "params", "renamed"),
    [
        ("regnety_004", "regnet", REGNET_Y_400MF, regnet_name),
        ("convnext_tiny", "convnext", {}, convnext_name),
        ("seresnet50", "se_resnet", {}, se_resnet_name),
    ],
)
def test_models_of_timm(model: str, program: str, params: dict[str, Any], renamed: Callable[[str], str]) -> None:
    net = cnnc.load(ZOO / f"{program}.cnn", params=params)
    truth = {name: f"module.{renamed(name)}" for name in own_names(net)}
    for theirs in disordered(table(model)):
        assert mapped(net, theirs) == truth


def test_a_chain_of_timm() -> None:
    """MobileNet v3 runs in the order in which timm lists its layers, so those of one shape are in ours, too."""
    net = cnnc.load(ZOO / "mobilenet_v3.cnn")
    place = {f"module.{name}": i for i, name in enumerate(table("mobilenetv3_large_100"))}
    for theirs in disordered(table("mobilenetv3_large_100")):
        pairs = mapped(net, theirs)
        assert set(pairs.values()) == set(theirs)
        alike: dict[Any, list[int]] = {}
        for ours, other in pairs.items():
            alike.setdefault((own_names(net)[ours], ours.rpartition(".")[2]), []).append(place[other])
        assert all(places == sorted(places) for places in alike.values())


def hrnet() -> str:
    """HRNet with two blocks in each branch of stages of 2, 3 and 4 branches; all maps are added to all."""
    lines = [
        "set conv(p=same, bias=false)",
        "block basic(c) = res(conv3x3(c) -> bn -> relu -> conv3x3(c) -> bn) -> relu",
        "block wide(c) = res(conv1x1(c) -> bn -> relu -> conv3x3(c) -> bn -> relu -> conv1x1(4 * c) -> bn,",
        "    proj=conv1x1(4 * c) -> bn) -> relu",
        "block more(c) = conv3x3(c, s=2, bias=true) -> bn -> relu",
        "input x: 3x64x64",
        "stem = x -> conv3x3(64, s=2) -> bn -> relu -> conv3x3(64, s=2) -> bn -> relu -> wide(32)",
        "o10 = stem -> conv3x3(16) -> bn -> relu",
        "o11 = stem -> conv3x3(32, s=2) -> bn -> relu",
    ]
    for stage in (2, 3, 4):
        if stage > 2:
            lines.append(
                f"o{stage - 1}{stage - 1} = o{stage - 1}{stage - 2} -> conv3x3({8 << stage}, s=2) -> bn -> relu"
            )
        lines += [f"b{stage}{i} = o{stage - 1}{i} -> basic({16 << i}) * 2" for i in range(stage)]
        for i in range(stage):
            for j in range(stage):
                down = "".join(f" -> conv3x3({16 << j}, s=2) -> bn -> relu" for _ in range(i - j - 1))
                way = f"{down} -> conv3x3({16 << i}, s=2) -> bn" if j < i else f" -> conv1x1({16 << i}) -> bn"
                if i != j:
                    lines.append(
                        f"f{stage}{i}{j} = b{stage}{j}{way}" + (f" -> upsample({1 << j - i})" if j > i else "")
                    )
            parts = " + ".join("id" if i == j else f"f{stage}{i}{j}" for j in range(stage))
            lines.append(f"o{stage}{i} = b{stage}{i} -> ({parts}) -> relu")
    lines += [f"y{i} = o4{i} -> wide({32 << i})" for i in range(4)]
    last = "y0"
    for i in range(3):
        lines += [f"m{i} = {last} -> more({256 << i})", f"n{i} = m{i} -> (id + y{i + 1})"]
        last = f"n{i}"
    lines.append("output out = n2 -> conv1x1(2048, bias=true) -> bn -> relu -> gap -> fc(1000)")
    return "\n".join(lines)


def test_hrnet_is_refused() -> None:
    """Its stages exchange maps all the time, so that numbers in names do not say what runs first."""
    net = cnnc.compile(hrnet())
    for theirs in disordered(table("hrnet_w18_small")):
        with pytest.raises(cnnc.CnncError, match="several ways") as caught:
            map_names(net.graph, theirs)
        assert caught.value.code == "E0527"
        pairs = mapped(net, theirs, accept_order=True)
        assert set(pairs.values()) == set(theirs)
        layers = {(ours.rpartition(".")[0], other.rpartition(".")[0]) for ours, other in pairs.items()}
        assert len(layers) == len({ours for ours, _ in layers}) == len({other for _, other in layers})


def test_parallel_branches_are_not_told_by_numbers() -> None:
    net = cnnc.compile("set conv(bias=false)\ninput 16x8x8 -> [conv1x1(16) -> bn, conv1x1(16) -> bn] -> conv1x1(4)")
    theirs: Shapes = {}
    for i in range(2):
        theirs[f"branches.{i}.0.weight"] = (16, 16, 1, 1)
        theirs |= {f"branches.{i}.1.{part}": (16,) for part in PARTS}
    theirs["final.weight"] = (4, 32, 1, 1)
    with pytest.raises(cnnc.CnncError) as caught:
        map_names(net.graph, theirs)
    assert caught.value.code == "E0527" and caught.value.exit_code == 1
    assert "branch1 and branch2 may each be branches.0 or branches.1" in str(caught.value)
    assert mapped(net, theirs, accept_order=True)["branch2.0.weight"] == "branches.1.0.weight"


# Disguises of our own networks


Tree = dict[Any, Any]


def tree(paths: list[str]) -> Tree:
    top: Tree = {}
    for path in paths:
        scope = top
        for name in path.split("."):
            scope = scope.setdefault(name, {})
        scope[None] = path
    return top


def counted(scope: Tree | str, word: Callable[[str, int], str], prefix: str = "") -> dict[str, str]:
    """New paths: the parts of each scope are counted in our order."""
    if isinstance(scope, str):
        return {scope: prefix}
    found: dict[str, str] = {}
    for i, (name, part) in enumerate(scope.items()):
        path = prefix if name is None and prefix else ".".join(filter(None, (prefix, word(name or "", i))))
        found |= counted(part, word, path)
    return found


def like_timm(path: str) -> str:
    path = re.sub(r"^layer(\d+)", lambda found: f"stages.{int(found[1]) - 1}.blocks", path)
    path = path.replace("downsample.0", "shortcut.conv").replace("downsample.1", "shortcut.bn")
    path = {"conv1": "conv_stem", "fc": "classifier"}.get(path, path)
    return (
        path.replace("se1.conv1", "se.conv_reduce").replace("se1.conv2", "se.conv_expand").replace("dwconv1", "conv_dw")
    )


DISGUISES: dict[str, Callable[[list[str]], dict[str, str]]] = {
    "the same": lambda paths: {path: path for path in paths},
    "like timm": lambda paths: {path: like_timm(path) for path in paths},
    "from zero": lambda paths: {p: re.sub(r"(?<=[a-z])\d+", lambda n: str(int(n[0]) - 1), p) for p in paths},
    "flat": lambda paths: {path: path.replace(".", "_") for path in paths},
    "deeper": lambda paths: {path: f"net.{path}.layer" for path in paths},
    "numbers": lambda paths: counted(tree(paths), lambda name, i: str(i)),
    "letters": lambda paths: counted(
        tree(paths), lambda name, i: "abcdefghijklmnopqrstuvwxyz"[i % 26] + "z" * (i // 26)
    ),
    "words": lambda paths: counted(
        tree(paths), lambda name, i: "".join(random.Random(f"{name}{i}").choices("aeiou", k=9))
    ),
}
NETS = [
    *EXAMPLES,
    *(ZOO / f"{name}.cnn" for name in ("preact_resnet", "sknet", "densenet", "inception_v4", "xception")),
]
OPEN = {"words", "flat"}
"""Disguises that leave nothing to go by in most networks."""


@pytest.mark.parametrize("disguise", DISGUISES)
def test_disguises(disguise: str) -> None:
    """Whatever the names and their order, every tensor finds its place, or the file is refused."""
    outcomes: Counter[str] = Counter()
    for path in NETS:
        net = cnnc.load(path)
        own = own_names(net)
        paths = [*dict.fromkeys(name.rpartition(".")[0] for name in own)]
        renamed = DISGUISES[disguise](paths)
        if len({*renamed.values()}) < len(paths):
            continue
        truth = {name: f"{renamed[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}" for name in own}
        for theirs in disordered({truth[name]: own[name] for name in own}):
            try:
                pairs = mapped(net, theirs)
            except cnnc.CnncError as error:
                assert error.code == "E0527", f"{path.stem}: {error}"
                outcomes["refused"] += 1
                continue
            assert pairs == {name: f"module.{other}" for name, other in truth.items()}, path.stem
            outcomes["right"] += 1
    assert disguise != "the same" or not outcomes["refused"]
    assert outcomes["right"] > (0 if disguise in OPEN else outcomes["refused"])


# What must not be guessed


def pairs_or_code(program: str, theirs: Shapes, **options: Any) -> dict[str, str] | str:
    try:
        return mapped(cnnc.compile(program), theirs, **options)
    except cnnc.CnncError as error:
        return error.code


def shapes_of(model: nn.Module) -> Shapes:
    return {name: tuple(t.shape) for name, t in model.state_dict().items()}


def conv(k: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(4, 4, k, bias=bias)


PREACT = nn.Sequential(
    nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), conv()),
    nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), conv()),
    nn.BatchNorm2d(4),
)
POST = nn.Sequential(
    nn.BatchNorm2d(4),
    nn.Sequential(conv(), nn.BatchNorm2d(4)),
    nn.Sequential(conv(), nn.BatchNorm2d(4)),
)
ASPP = nn.ModuleList([nn.Sequential(conv(), nn.BatchNorm2d(4)), nn.Sequential(nn.ReLU(), conv(), nn.BatchNorm2d(4))])


@pytest.mark.parametrize(
    ("program", "model"),
    [
        # blocks of a norm and a convolution are not blocks of a convolution and the norm behind it
        ("set conv(bias=false) block u = conv1x1(4) -> bn -> relu input 4x8x8 -> bn -> relu -> u -> u", PREACT),
        ("set conv(bias=false) input 4x8x8 -> bn -> relu -> conv1x1(4) -> bn -> relu -> conv1x1(4) -> bn", PREACT),
        # decoders are counted downwards as often as not
        (
            "input 4x8x8 -> (deconv2(4) -> relu) * 3",
            nn.ModuleDict({f"dec{i}": nn.ConvTranspose2d(4, 4, 2) for i in (1, 2, 3)}),
        ),
        # branches that are alike, numbered in an order that need not be ours
        ("block o = conv1x1(4, bias=false) -> bn -> relu input 4x8x8 -> [gap -> o -> upsample(size=(8, 8)), o]", ASPP),
        # decoders of a U-Net get maps of its encoders
        (
            "input x: 4x8x8 a = x -> conv1x1(4) b = a -> conv1x1(4) c = b -> conv1x1(4) "
            "d = c -> (id + b) -> conv1x1(4, bias=false) output y = d -> (id + a) -> conv1x1(4, bias=false)",
            nn.ModuleDict({**{f"a{i}": conv(bias=True) for i in range(3)}, **{f"b{i}": conv() for i in range(2)}}),
        ),
    ],
)
def test_what_several_pairings_fit(program: str, model: nn.Module) -> None:
    for theirs in disordered(shapes_of(model)):
        assert pairs_or_code(program, theirs) == "E0527"
        assert isinstance(pairs_or_code(program, theirs, accept_order=True), dict)


def test_layers_that_a_file_counts_downwards() -> None:
    """In the order in which its layers were made; in the order of names nothing tells that they run the other way."""
    model = nn.ModuleDict({f"layer{i}": conv(bias=True) for i in (3, 2, 1)})
    assert pairs_or_code("input 4x8x8 -> (conv1x1(4) -> relu) * 3", shapes_of(model)) == "E0527"


def test_a_norm_before_blocks_of_convolution_and_norm() -> None:
    """Numbers in their scope, or the order of a file that is not sorted, say that the norm is the second there."""
    program = "set conv(bias=false) block u = conv1x1(4) -> bn -> relu input 4x8x8 -> bn -> relu -> u -> u"
    for theirs in disordered(shapes_of(POST)):
        pairs = pairs_or_code(program, theirs)
        assert isinstance(pairs, dict) and pairs["bn1.weight"] == "module.0.weight"
        assert pairs["u1.bn1.weight"] == "module.1.1.weight"
    named = {name.replace(".0.", ".conv.").replace(".1.", ".bn."): shape for name, shape in shapes_of(POST).items()}
    assert isinstance(pairs_or_code(program, named), dict)
    assert pairs_or_code(program, dict(sorted(named.items()))) == "E0527"


def test_axes_of_kernels_matter() -> None:
    """A window of 3x1 is not one of 1x3; a linear layer is a convolution by 1x1, and it is said."""
    program = "set conv(bias=false) input 4x8x8 -> conv(4, k=3x1) -> conv(4, k=1x3)"
    theirs = {"a.weight": (4, 4, 1, 3), "b.weight": (4, 4, 3, 1)}
    assert pairs_or_code(program, theirs) == {"conv1.weight": "b.weight", "conv2.weight": "a.weight"}
    assert pairs_or_code("input 4x8x8 -> conv1x1(5, bias=false)", {"a.weight": (4, 5)}) == "E0516"
    mapping = map_names(cnnc.compile("input 4x8x8 -> conv1x1(5, bias=false)").graph, {"a.weight": (5, 4)})
    assert mapping.notes == ["conv1.weight is 5×4×1×1, in the file 5×4"]
    assert pairs_or_code("input 4x9 -> conv(5, k=3, bias=false)", {"a.weight": (5, 4, 3, 1)}) == "E0516"


def test_the_parts_of_a_norm_are_not_mixed_up() -> None:
    theirs = {f"norm.{part}": (4,) for part in ("moving_variance", "beta", "moving_mean", "gamma")}
    assert pairs_or_code("input 4x8x8 -> bn", theirs) == {
        "bn1.weight": "norm.gamma",
        "bn1.bias": "norm.beta",
        "bn1.running_mean": "norm.moving_mean",
        "bn1.running_var": "norm.moving_variance",
    }


def test_kernels_with_outputs_last() -> None:
    """A square matrix called `kernel` may be one of Keras, which has it transposed; another shape tells."""
    square = {"dense.kernel": (4, 4), "dense.bias": (4,)}
    assert pairs_or_code("input 4 -> fc(4)", square) == "E0516"
    assert pairs_or_code("input 4x5x5 -> conv(4, k=4)", {"c.kernel": (4, 4, 4, 4), "c.bias": (4,)}) == "E0516"
    assert pairs_or_code("input 4 -> fc(5)", {"dense.kernel": (4, 5), "dense.bias": (5,)}) == "E0516"
    told = {"dense.kernel": (5, 4), "dense.bias": (5,)}
    assert pairs_or_code("input 4 -> fc(5)", told) == {"fc.weight": "dense.kernel", "fc.bias": "dense.bias"}


# What a file may hold


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def test_resnet101_from_data_parallel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names under a prefix and sorted as text, where layer3.10 stands before layer3.2."""
    net = cnnc.load(ZOO / "resnet.cnn", params={"depth": 101})
    names = {
        f"module.{name}": torch.full((1,), i).expand(shape) for i, (name, shape) in enumerate(own_names(net).items())
    }
    source = saved(dict(sorted(names.items())), tmp_path / "w.pth")
    assert run(["weights", str(ZOO / "resnet.cnn"), "-D", "depth=101", "--from", str(source)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "<-" in line]
    assert [(ours, theirs, rule) for ours, _, theirs, _, rule in lines] == [
        (name, f"module.{name}", "name") for name in own_names(net)
    ]


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.model.", "backbone.", "encoder.net."])
def test_prefixes(prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stripped wherever weights are read, and it is said."""
    net = cnnc.compile("input 3x8x8 -> conv3x3(4) -> bn -> gap -> fc(2)")
    state = net.to_torch(seed=1).state_dict()
    source = saved({f"{prefix}{name}": tensor for name, tensor in state.items()}, tmp_path / "w.pth")
    program = tmp_path / "net.cnn"
    program.write_text("input 3x8x8 -> conv3x3(4) -> bn -> gap -> fc(2)")
    assert run(["weights", str(program), "--from", str(source)]) == 0
    assert f"without the prefix `{prefix}` of names in the file" in capsys.readouterr().out
    for taken in (net.import_weights(source), net.to_torch(weights=source).state_dict()):
        assert all(np.array_equal(np.asarray(taken[name]), state[name].numpy()) for name in state)
    assert run(["compile", str(program), "--weights", str(source), "-o", str(tmp_path / "n.onnx")]) == 0


def test_a_prefix_of_ours() -> None:
    net = cnnc.compile("input 3x8x8 -> (conv3x3(4) -> relu -> conv3x3(4)) as features")
    theirs = {name.removeprefix("features."): shape for name, shape in own_names(net).items()}
    mapping = map_names(net.graph, theirs)
    assert {pair.rule for pair in mapping.pairs} == {"name"}
    assert mapping.notes == ["without the prefix `features.` of names in the network"]


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {}, "param_groups": []}}, ""),
        (lambda state: {"model_state_dict": state}, ""),
        (lambda state: {"net": state, "acc": 0.5}, ""),
        (lambda state: {"ema": state}, ""),
        (lambda state: {"whatever": state, "args": {"lr": 0.1}}, ""),
        (lambda state: {"model": {"state_dict": state}}, ""),
        (lambda state: {**state, "_extra_state": {"a": 1}}, ""),
        (lambda state: {"model_ema": {n: t + 1 for n, t in state.items()}, "model": state}, "from `model` of the file"),
    ],
)
def test_checkpoints(
    wrap: Callable[[Any], object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = cnnc.compile("input 3x8x8 -> conv3x3(4)")
    state = net.to_torch(seed=1).state_dict()
    source = saved(wrap(state), tmp_path / "w.pth")
    assert np.array_equal(net.import_weights(source)["conv1.weight"], state["conv1.weight"].numpy())
    assert run(["weights", "-e", "conv3x3(4)", "--input", "3x8x8", "--from", str(source)]) == 0
    assert said in capsys.readouterr().out


def test_two_state_dicts_without_a_known_name(tmp_path: Path) -> None:
    state = {"conv1.weight": torch.zeros(4, 3, 3, 3), "conv1.bias": torch.zeros(4)}
    source = saved({"left": state, "right": state}, tmp_path / "w.pth")
    with pytest.raises(cnnc.UsageError, match="no state_dict"):
        cnnc.compile("input 3x8x8 -> conv3x3(4)").import_weights(source)


def agree(net: cnnc.Net, weights: Any, model: nn.Module) -> None:
    x = torch.randn(2, *net.input_shape[1:], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = net.to_torch(weights=weights).eval()(x), model.eval()(x)
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normed", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm], ids=["old", "new"])
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weight_norm(normed: Any, dim: int | None, tmp_path: Path) -> None:
    """g·v/‖v‖, with a length for each index along `dim` or one for all, into plain weights and, along 0, into our own
    weight normalisation, which in turn can be made of plain weights."""
    torch.manual_seed(0)
    model = nn.Sequential(normed(nn.Conv2d(3, 4, 3), dim=dim), nn.ReLU(), normed(nn.Conv2d(4, 5, 3), dim=dim))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("weight_g", "original0")):
                parameter.mul_(1.7)
    source = saved(model.state_dict(), tmp_path / "w.pth")
    plain = cnnc.compile("input 3x8x8 -> conv3x3(4) -> relu -> conv3x3(5)")
    agree(plain, plain.import_weights(source), model)
    own = cnnc.compile("set conv(reparam=weight_norm) input 3x8x8 -> conv3x3(4) -> relu -> conv3x3(5)")
    if dim == 0:
        agree(own, own.import_weights(source), model)
    whole = saved(plain.to_torch(weights=plain.import_weights(source)).state_dict(), tmp_path / "plain.pth")
    agree(own, own.import_weights(whole), model)


@pytest.mark.parametrize(
    "normed", [nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm], ids=["old", "new"]
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_spectral_norm(normed: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(normed(nn.Conv2d(3, 4, 3)))
    for _ in range(3):
        model(torch.randn(1, 3, 8, 8))
    source = saved(model.state_dict(), tmp_path / "w.pth")
    for program in ("conv3x3(4)", "conv3x3(4, reparam=spectral_norm)"):
        net = cnnc.compile(program, input=(3, 8, 8))
        agree(net, net.import_weights(source), model)


class Attention(nn.Module):
    """Attention as timm writes it, or with three projections."""

    def __init__(self, names: tuple[str, ...], dim: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.names, self.heads = names, heads
        for name in names:
            setattr(self, name, nn.Linear(dim, 3 * dim // len(names)))
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, dim = x.shape
        joint = torch.cat([getattr(self, name)(x) for name in self.names], -1)
        q, k, v = joint.reshape(n, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.proj(attended.transpose(1, 2).reshape(n, length, dim))


class Encoder(nn.Module):
    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(8), Attention(names), nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


@pytest.mark.parametrize(
    "names", [("qkv",), ("q_proj", "k_proj", "v_proj"), ("query", "key", "value"), ("q", "k", "v")]
)
@pytest.mark.parametrize("ordered", [True, False])
def test_attention(names: tuple[str, ...], ordered: bool, tmp_path: Path) -> None:
    """One projection or three, in a .pth file as registered or sorted by name, become in_proj."""
    torch.manual_seed(0)
    model = nn.Sequential(*(Encoder(names) for _ in range(3)))
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0, 0.5)
    state = model.state_dict()
    source = saved(state if ordered else dict(sorted(state.items())), tmp_path / "w.pth")
    block = "block layer = (id + (ln -> mhsa(2))) -> (id + (ln -> fc(16) -> gelu -> fc(8)))"
    text = f"{block} input 8x1x5 -> tokens -> layer * 3"
    net = cnnc.compile(text)
    arrays = net.import_weights(source)
    x = torch.randn(2, 8, 1, 5)
    with torch.no_grad():
        ours = net.to_torch(weights=arrays).eval()(x)
        assert torch.allclose(ours, model(x.flatten(2).transpose(1, 2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["query_key_value", "c_attn", "kv"])
def test_projections_of_another_order(name: str) -> None:
    """Not every layer of that shape has queries, keys and values one after the other."""
    theirs: Shapes = {
        f"attn.{name}.weight": (24, 8),
        f"attn.{name}.bias": (24,),
        "attn.out.weight": (8, 8),
        "attn.out.bias": (8,),
    }
    assert pairs_or_code("input 8x1x5 -> tokens -> mhsa(2)", theirs) == "E0516"


# A part of a network


RESNET = ROOT / "examples/resnet18.cnn"


def backbone(prefix: str = "") -> Shapes:
    return {
        f"{prefix}{name}": shape for name, shape in own_names(cnnc.load(RESNET)).items() if not name.startswith("fc.")
    }


def test_a_backbone_without_its_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {name: torch.ones(shape) for name, shape in backbone("backbone.").items()}
    source = saved({**tensors, "head.weight": torch.ones(7, 512), "head.bias": torch.ones(7)}, tmp_path / "w.pth")
    target = tmp_path / "out.safetensors"
    command = ["weights", str(RESNET), "--from", str(source), "-o", str(target)]
    assert run(command) == 2
    error = capsys.readouterr().err
    assert (
        "E0516" in error
        and "--partial" in error
        and "nothing in the file is like fc (weight 1000×512, bias 1000)" in error
    )
    assert not target.exists()
    assert run([*command, "--partial"]) == 0
    printed = capsys.readouterr().out
    assert "100 tensors by name" in printed
    assert "as initialised, not in the file: fc.weight, fc.bias" in printed
    assert "unused, not in the network: head.weight, head.bias" in printed
    net = cnnc.load(RESNET)
    arrays = net.import_weights(source, partial=True)
    assert np.all(arrays["layer4.1.bn2.running_var"] == 1)
    assert np.array_equal(arrays["fc.weight"], net.to_torch(seed=0).fc.weight.detach().numpy())


def test_a_backbone_of_other_names() -> None:
    theirs = {name.replace("layer", "stages.").replace("downsample", "shortcut"): s for name, s in backbone().items()}
    mapping = map_names(cnnc.load(RESNET).graph, {**theirs, "fc.weight": (10, 512), "fc.bias": (10,)}, partial=True)
    assert {pair.theirs: pair.ours for pair in mapping.pairs} == dict(zip(theirs, backbone(), strict=True))
    assert mapping.missing == mapping.unused == ["fc.weight", "fc.bias"]


def test_what_of_a_file_is_unused_is_told() -> None:
    """Batches counted by norms that the network lacks, too."""
    own = own_names(cnnc.load(RESNET))
    more: Shapes = {"head.norm.weight": (7,), "head.norm.num_batches_tracked": (), "bn1.num_batches_tracked": ()}
    mapping = map_names(cnnc.load(RESNET).graph, {**own, **more}, partial=True)
    assert mapping.unused == ["head.norm.weight", "head.norm.num_batches_tracked"] and not mapping.missing


def test_weights_of_another_network(capsys: pytest.CaptureFixture[str]) -> None:
    """A layer between others with other shapes under the same name: only ends may be left out."""
    other = own_names(cnnc.load(ROOT / "examples/resnet50.cnn"))
    with pytest.raises(
        cnnc.UsageError, match=r"layer1.0.conv1, between layers that fit, is weight 64×64×1×1 in the file"
    ):
        map_names(cnnc.load(RESNET).graph, other, partial=True)


def test_two_backbones() -> None:
    with pytest.raises(cnnc.UsageError, match=r"fit under `student.` and under `teacher.`"):
        map_names(cnnc.load(RESNET).graph, {**backbone("student."), **backbone("teacher.")}, partial=True)


def test_counts_of_batches_are_taken_over(tmp_path: Path) -> None:
    net = cnnc.compile("input 3x8x8 -> conv1x1(4) -> bn")
    state = net.to_torch(seed=0).state_dict()
    state["bn1.num_batches_tracked"] += 7
    source = saved({name.replace("bn1", "norm"): tensor for name, tensor in state.items()}, tmp_path / "w.pth")
    assert net.import_weights(source)["bn1.num_batches_tracked"] == 7
    del state["bn1.num_batches_tracked"]
    assert net.import_weights(saved(state, source))["bn1.num_batches_tracked"] == 0
    assert not taken_over(map_names(net.graph, own_names(net)), {n: t.numpy() for n, t in state.items()}, net.graph)[
        "bn1.num_batches_tracked"
    ]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ({"a." * 5000 + "weight": (4, 3, 3, 3), "a." * 5000 + "bias": (4,)}, "E0516"),
        ({f"{'a.' * i}b.weight": (4, 3, 3, 3) for i in (0, 5000)}, "E0516"),
        ({"weight": (4, 3, 3, 3), "bias": (4,), ".bias": (4,)}, "E0516"),
        ({"conv": (4, 3, 3, 3), "conv.weight": (4, 3, 3, 3), "conv.bias": (4,)}, "E0516"),
        ({"a..weight": (4, 3, 3, 3), "a..bias": (4,)}, None),
        ({"c.weight_g": (4, 1, 1, 1), "c.bias": (4,)}, "E0516"),
        ({"c.weight": (4, 3, 3, 3), "c.kernel": (4, 3, 3, 3), "c.bias": (4,)}, "E0516"),
        ({"c.weight": (0, 3, 3, 3), "c.bias": (0,)}, "E0516"),
    ],
)
def test_strange_names(names: Shapes, code: str | None) -> None:
    found = pairs_or_code("input 3x9x9 -> conv3x3(4)", names)
    assert found == code if code else isinstance(found, dict)


def test_control_characters_are_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = saved({"\x1b[31m.weight": torch.zeros(4, 3, 3, 3), "\x1b[31m.bias": torch.zeros(4)}, tmp_path / "w.pth")
    assert run(["weights", "-e", "conv3x3(4)", "--input", "3x9x9", "--from", str(source)]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "\\u001b[31m.weight" in printed


@pytest.mark.parametrize("scope", ["cbn", "words"])
def test_work_grows_with_the_network(scope: str) -> None:
    """Blocks of a residual stage by numbers, and layers whose names say nothing by the file's order."""
    calls = []
    for n in (60, 120, 240):
        net = cnnc.compile(f"block b = res(conv1x1(4) -> bn -> relu) input 4x2x2 -> b * {n}")
        theirs = {}
        for name, shape in own_names(net).items():
            path, _, part = name.rpartition(".")
            word = "".join(random.Random(path).choices("aeiou", k=20))
            if scope == "cbn":
                word = path.replace("conv1", "cbn.0").replace("bn1", "cbn.1")
            theirs[f"{word}.{part}"] = shape
        calls.append(
            calls_of(lambda net=net, theirs=theirs: map_names(net.graph, theirs, accept_order=scope == "words"))
        )
    assert calls[2] - calls[1] < 2.5 * (calls[1] - calls[0])


def test_a_deep_network() -> None:
    text = "block b0 = conv1x1(4)\n" + "".join(f"block b{i} = b{i - 1} -> relu\n" for i in range(1, 200))
    net = cnnc.compile(f"{text}input 4x2x2 -> b199")
    assert {pair.theirs for pair in map_names(net.graph, {"x.weight": (4, 4), "x.bias": (4,)}).pairs} == {
        "x.weight",
        "x.bias",
    }
