"""Every layer's own samples in every backend: shapes, weights, work, results; and its rejected uses."""

from itertools import product
from math import prod

import cnnc
import pytest
import torch
import torchvision  # noqa: F401  # registers its operators
from cnnc.backends import numpy as reference
from cnnc.backends.onnx.ops import LOWERINGS as ONNX_LOWERINGS
from cnnc.backends.torch.ops import LOWERINGS as TORCH_LOWERINGS
from cnnc.compiler.ops import REGISTRY
from cnnc.compiler.reference import entries
from cnnc.compiler.verify import random_weights
from support import ONNX_TOLERANCE, TORCH_TOLERANCE, check_onnx, difference, inputs_for, run_onnx, run_torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count


def deform_flops(x: torch.Size, w: torch.Size, *rest: object, out_shape: torch.Size, **settings: object) -> int:
    return 2 * prod(out_shape) * prod(w[1:])


def bilinear_flops(x: torch.Size, w: torch.Size, z: torch.Size, *rest: object, **settings: object) -> int:
    """Two a multiplication: every output's matrix by one vector, then by the other."""
    return 2 * w[0] * (w[1] * w[2] + w[1])


def attention_flops(q: torch.Size, k: torch.Size, v: torch.Size, *rest: object, **settings: object) -> int:
    return sdpa_flop_count(q, k, v)


UNCOUNTED = {
    torch.ops.torchvision.deform_conv2d: deform_flops,
    torch.ops.aten._trilinear: bilinear_flops,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops,
}
"""Operators that PyTorch's counter has no rule for, each with that of its kind there; for a batch of 1."""

OPERATOR_SAMPLES = (
    "conv1x1(4) + id @ 4x5x5",
    "id - conv1x1(4) @ 4x5x5",
    "id * (gap -> sigmoid) @ 4x5x5",
    "id / (sigmoid + sigmoid * (conv1x1(4) -> sigmoid)) @ 4x5x5",
    "[id, conv3(2, p=1), id] @ 3x8",
    "relu + tanh - sigmoid @ 7",
    "res(conv3x3(6, s=2, p=1), proj=conv1x1(6, s=2)) @ 3x8x8",
)
SHAPES = ("6", "6x7", "6x6x5", "6x4x5x4")


def compiled(sample: str) -> cnnc.Net:
    chain, _, shape = sample.rpartition(" @ ")
    return cnnc.compile(chain, input=shape)


def spatial_rank(sample: str) -> int:
    return sample.rpartition(" @ ")[2].count("x")


def at_other_ranks(samples: tuple[str, ...], ranks: tuple[int, ...]) -> list[str]:
    """For each spatial rank that no sample has, the first of their chains that compiles there."""
    chains = [sample.rpartition(" @ ")[0] for sample in samples]
    found = []
    for shape in (SHAPES[rank] for rank in set(ranks) - set(map(spatial_rank, samples))):
        found += [f"{chain} @ {shape}" for chain in chains if not cnnc.check(chain, input=shape)][:1]
    return found


SAMPLES = [
    sample
    for entry in entries().values()
    for sample in (*entry.samples, *sorted(at_other_ranks(entry.samples, entry.ranks)))
]
SAMPLES += OPERATOR_SAMPLES
REJECTS = [reject for entry in entries().values() for reject in entry.rejects]


@pytest.mark.parametrize("sample", SAMPLES)
def test_sample(sample: str) -> None:
    """Both backends against NumPy in double precision, with weights that differ from neutral ones."""
    net = compiled(sample)
    weights = random_weights(net.graph, seed=1)
    module = net.to_torch(weights=weights).eval()
    inputs = inputs_for(net)
    expected = list(reference.run(net, [x.numpy() for x in inputs], weights).values())
    assert [net.output_shape[1:]] == [a.shape[1:] for a in expected]
    for got, want in zip(run_torch(module, inputs), expected, strict=True):
        assert difference(got, want) <= TORCH_TOLERANCE
    assert net.params == sum(p.numel() for p in module.parameters())
    stored = sum(t.numel() for t in module.state_dict().values())
    assert net.params + net.buffers == stored
    for inference in (False, True):
        model = net.to_onnx(weights=weights, inference=inference)
        check_onnx(model)
        for got, want in zip(run_onnx(model, inputs), expected, strict=True):
            assert difference(got, want) <= ONNX_TOLERANCE
    with FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as counter:
        run_torch(module, [x[:1] for x in inputs])
    assert net.flops == counter.get_total_flops()


@pytest.mark.parametrize(("use", "code"), REJECTS)
def test_reject(use: str, code: str) -> None:
    with pytest.raises(cnnc.CnncError) as caught:
        compiled(use)
    assert code in [d.code for d in caught.value.diagnostics]


COUNTED = [s for n in ("conv", "dwconv", "fc") for s in entries()[n].samples if "reparam" not in s and "relu" not in s]


@pytest.mark.parametrize("sample", COUNTED)
def test_macs_by_counting(sample: str) -> None:
    """Every multiplication of the textbook loops counted one by one, padding as dense."""
    net = compiled(sample)
    count = 0
    for row in net.layers:
        x, out = row.inputs[0], row.output
        if row.op == "tokens":
            continue
        if row.op == "fc":
            features = x[-1] if len(out) == 2 else x[0]
            count += sum(1 for _ in product(*map(range, out), range(features)))
            continue
        weights = next(w for w in row_weights(net) if w[0] == out[0])
        for _ in product(*map(range, out)):
            count += prod(weights[1:])
    assert net.macs == count


def row_weights(net: cnnc.Net) -> list[tuple[int, ...]]:
    return [tuple(w.shape) for w in net.to_torch(seed=0).state_dict().values() if w.dim() > 1]


def test_every_op_has_lowerings() -> None:
    for name in REGISTRY:
        assert name in TORCH_LOWERINGS, f"{name} has no PyTorch lowering"
        assert name in ONNX_LOWERINGS, f"{name} has no ONNX lowering"
        assert name in reference.LOWERINGS, f"{name} has no NumPy definition"


def test_every_rank_is_tried() -> None:
    """Each op runs on vectors, signals, images and volumes, wherever it applies."""
    for name, entry in entries().items():
        here = {spatial_rank(s) for s in (*entry.samples, *at_other_ranks(entry.samples, entry.ranks))}
        assert here >= set(entry.ranks), f"{name} has samples for {sorted(here)} axes, and applies to {entry.ranks}"


def test_every_layer_has_samples_and_documentation() -> None:
    for name, entry in entries().items():
        assert entry.samples, f"{name} has no samples"
        assert entry.doc.endswith("."), f"{name} has no documentation"
        assert all(kind.doc for kind in entry.params.values()), f"{name} has an argument without documentation"


def test_training_mode_runs() -> None:
    """Gradients reach every parameter of a net that uses the in-place forms."""
    net = cnnc.compile(
        "conv3x3(8, p=1) -> bn -> relu -> (id + (conv3x3(8, p=1) -> bn -> relu6)) -> lrelu -> maxpool2"
        " -> dropout -> flatten -> fc(3) -> softmax",
        input=(3, 8, 8),
    )
    module = net.to_torch().train()
    module(torch.randn(4, 3, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_non_local_works_on_half_the_channels() -> None:
    """Unless it is told otherwise, and on one where half is none."""
    assert compiled("nonlocal @ 6x3x4").params == compiled("nonlocal(3) @ 6x3x4").params
    assert compiled("nonlocal @ 1x3x4").params == compiled("nonlocal(1) @ 1x3x4").params
