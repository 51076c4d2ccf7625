"""Training: the tensors that PyTorch keeps for the backward pass, its multiply-accumulates, optimizer state."""

from collections.abc import Iterator

import cnnc
import pytest
import torch
from cnnc.compiler.memory import DTYPE_BYTES
from cnnc.compiler.reference import entries
from cnnc.compiler.training import OPTIMIZER_STATE, training
from conftest import ROOT
from torch.utils.flop_counter import FlopCounterMode

CHAINS = (
    "id * (gap -> conv1x1(3) -> sigmoid) @ 3x5x5",
    "conv1x1(3) * sigmoid @ 3x5x5",
    "id / (conv1x1(3) -> sigmoid) @ 3x5x5",
    "(conv3x3(4, p=1) -> bn -> relu) * 3 @ 4x6x6",
    "relu6 * 3 @ 4x6x6",
    "conv3x3(4, p=1) -> relu6 -> (id + (conv3x3(4, p=1) -> bn -> lrelu)) @ 4x6x6",
    "res(conv3x3(4, p=1) -> bn -> relu -> conv3x3(4, p=1) -> bn) -> relu @ 4x6x6",
    "conv3x3(4) -> relu -> [id, relu] -> flatten -> dropout -> fc(3) -> softmax @ 3x6x6",
    "conv3x3(4) -> relu -> tokens -> fc(5) @ 3x9x9",
    "conv3x3(4) -> relu -> tokens -> relu -> fc(5) @ 3x9x9",
    "conv3x3(4) -> relu -> ln @ 3x9x9",
    "conv3x3(4) -> relu -> tokens -> mhsa(2) -> fc(2) @ 3x9x9",
    "conv3x3(4) -> relu -> mhsa(2) @ 3x9x9",
    "conv3x3(4) -> dropout(0) -> dropout2d(1) -> droppath(0) -> dropout2d(0) @ 3x9x9",
    "conv3x3(4) -> relu -> slice(2) -> conv1x1(2) @ 3x5x5",
    "split([conv3x3(2, p=1), id]) -> shuffle(2) -> bn @ 4x5x5",
    "conv3x3(8) -> bn -> silu -> gelu -> selu -> elu -> lrelu -> hardswish @ 3x6x6",
    "conv1(4) -> relu6 -> conv1(4) -> selu -> conv1(3) -> mish -> conv1(3) -> hardswish -> conv1(3) -> silu @ 3x6",
    "conv1(4) -> hardsigmoid -> conv1(3) -> lrelu -> conv1(3) -> hardtanh -> conv1(3) -> elu -> conv1(3) @ 3x6",
    "conv1(4) -> relu6 -> conv1(4) -> lrelu(-0.1) -> conv1(3) @ 3x6",
    "conv1(4) -> tokens -> slice(0, 2) -> fc(3) @ 3x6",
    "conv1(4) -> tokens -> [id, relu] -> ((gelu -> fc(3)) + fc(3)) @ 3x6",
    "conv1(4) -> tokens -> (([id, relu] -> gelu -> fc(3)) + ([fc(2), relu] -> ((gelu -> fc(3)) + fc(3)))) @ 3x6",
    "tokens -> fc(4) -> [id, relu] -> ((gelu -> fc(3)) + fc(3)) @ 3x6",
    "conv1(4) -> tokens -> split([id, sigmoid]) -> ln -> fc(3) @ 3x6",
    "tokens -> fc(8) -> split([id, tanh]) -> relu -> fc(3) @ 4x2x3",
    "tokens -> fc(8) -> slice(0, 4) -> mhsa(2) -> ln @ 4x2x3",
    "conv1(8) -> tokens -> slice(2, 6) -> mhsa(2) -> fc(3) @ 4x5",
    "tokens -> fc(4) -> [id, id] -> mhsa(2) -> scale @ 4x5",
    "conv3x3(4) -> tanh -> maxpool2 as p -> conv1x1(4) -> unpool(p) -> bn @ 3x8x8",
)
SAMPLES = [*(sample for entry in entries().values() for sample in entry.samples), *CHAINS]
NETWORKS = ("alexnet", "vgg16", "resnet18", "resnet50", "mobilenetv2", "densenet121", "googlenet", "unet", "triplet")
UNKNOWN_TO_BFLOAT16 = ("deformconv", "lrn", "lppool", "avgpool")
"""Layers whose operators PyTorch does not have in bfloat16 on a CPU, at least for volumes."""


def kept_by_torch(net: cnnc.Net, batch: int, dtype: torch.dtype = torch.float32, grad: bool = False) -> int:
    """Bytes of the distinct stored tensors, parameters aside, that a forward pass in training mode keeps."""
    module = net.to_torch().to(dtype).train()
    parameters = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in parameters:
            kept.setdefault(place, tensor)
        return tensor

    inputs = [torch.randn(batch, *t.value.shape).to(dtype).requires_grad_(grad) for t in net.graph.inputs]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(*inputs)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def compiled(sample: str) -> cnnc.Net:
    chain, _, shape = sample.rpartition(" @ ")
    return cnnc.compile(chain, input=shape)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("grad", [False, True])
def test_kept_tensors_of_every_layer(sample: str, grad: bool) -> None:
    """With and without a gradient for the input, at two batch sizes and in two types, to the byte."""
    net = compiled(sample)
    expected = training(net.graph, input_grad=grad)
    for batch in (2, 3):
        assert kept_by_torch(net, batch, grad=grad) == expected.saved_bytes(batch, "fp32")
    if not any(name in sample for name in UNKNOWN_TO_BFLOAT16):
        assert kept_by_torch(net, 2, torch.bfloat16, grad) == expected.saved_bytes(2, "bf16")


@pytest.mark.parity
@pytest.mark.parametrize("name", NETWORKS)
def test_kept_tensors_of_networks(name: str) -> None:
    net = cnnc.load(ROOT / "examples" / f"{name}.cnn")
    assert kept_by_torch(net, 2) == net.training.saved_bytes(2, "fp32")


def test_resnet50_keeps_82_mebibytes_per_image() -> None:
    kept = cnnc.load(ROOT / "examples" / "resnet50.cnn").training.kept
    assert round(kept.sample_bytes(4) / 2**20, 1) == 81.9
    assert round(kept.fixed_bytes(4) / 2**20, 1) == 0.4


@pytest.mark.parity
@pytest.mark.parametrize("name", ["lenet5", "alexnet", "vgg16", "resnet18", "densenet121", "googlenet", "unet"])
def test_backward_macs_of_networks(name: str) -> None:
    """PyTorch's counter is right for convolutions without groups; a multiply-accumulate is two of its operations."""
    net = cnnc.load(ROOT / "examples" / f"{name}.cnn")
    result = net.to_torch().train()(*(torch.randn(2, *t.value.shape) for t in net.graph.inputs))
    outputs = list(result.values()) if isinstance(result, dict) else [result]
    with FlopCounterMode(display=False) as counter:
        sum(output.sum() for output in outputs).backward()
    assert counter.get_total_flops() == 2 * 2 * net.training.backward


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "mobilenetv2", "shufflenetv2", "densenet121"])
def test_forward_and_backward_are_three_times_forward(name: str) -> None:
    """But for the gradient of the image, which is not needed; groups change nothing."""
    net = cnnc.load(ROOT / "examples" / f"{name}.cnn")
    first = next(row for row in net.layers if row.macs)
    assert net.macs + net.training.backward == 3 * net.macs - first.macs


def grouped_backward(c: int, cin: int, g: int, k: int, n: int) -> Iterator[int]:
    """A grouped convolution's backward pass in one dimension, one product at a time."""
    for _ in range(n):
        for out in range(c):
            group = out // (c // g)
            for _ in range(group * cin // g, (group + 1) * cin // g):
                yield from range(2 * k)  # into the kernel's gradient, and into the input's


@pytest.mark.parametrize("g", [1, 2, 4, 8])
def test_backward_of_groups_by_counting(g: int) -> None:
    net = cnnc.compile(f"conv3(16, g={g}, p=1)", input=(8, 10))
    counted = sum(1 for _ in grouped_backward(16, 8, g, 3, 10))
    assert training(net.graph, input_grad=True).backward == counted
    assert net.training.backward == counted // 2


def test_attention_without_a_gradient_of_its_input() -> None:
    """The products of the first projections with the input are then computed once, for the weights."""
    net = cnnc.compile("tokens -> mhsa(2)", input=(8, 5, 5))
    whole, part = training(net.graph, input_grad=True), net.training
    assert whole.backward == 2 * net.macs
    assert part.backward == 2 * net.macs - 3 * 25 * 8 * 8


def test_optimizer_state_is_what_pytorch_keeps() -> None:
    """Tensors as large as the parameter; step counts aside."""
    made = {
        "gd": torch.optim.SGD, "sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad, "rmsprop": torch.optim.RMSprop,
        "adadelta": torch.optim.Adadelta, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
        "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
        "nag": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
    }  # fmt: skip
    assert set(made) == set(OPTIMIZER_STATE)
    for name, make in made.items():
        weight = torch.nn.Parameter(torch.randn(7, 3))
        optimizer = make([weight], lr=0.1)
        weight.sum().backward()
        optimizer.step()
        state = [v for v in optimizer.state[weight].values() if torch.is_tensor(v) and v.shape == weight.shape]
        assert len(state) == OPTIMIZER_STATE[name], name


def test_kept_tensors_that_depend_on_the_size() -> None:
    """Where TensorFlow's padding is the same on both sides PyTorch keeps the input, else a padded copy."""
    net = cnnc.compile("input 3xHxW -> conv3x3(4, s=2, p=same_upper)")
    assert net.to_dict()["training"] is None and "--at" in net.report()
    with pytest.raises(cnnc.UsageError) as caught:
        _ = net.training
    assert caught.value.code == "E0331"
    for size in (8, 9):
        assert net.at(H=size, W=9).training.saved_bytes(2, "fp32") == kept_by_torch(net.at(H=size, W=9), 2)


def test_report_of_training() -> None:
    net = cnnc.load(ROOT / "examples" / "resnet50.cnn")
    one, many = net.to_dict()["training"], net.to_dict(batch=8, dtype="bf16")["training"]
    assert many["backward_macs"] == 8 * one["backward_macs"]
    assert one["optimizer_bytes"]["adam"] == 2 * one["gradient_bytes"] == 2 * DTYPE_BYTES["fp32"] * net.params
    assert many["saved_bytes"] == 8 * many["saved_bytes_per_sample"] + many["saved_bytes_fixed"]
    assert net.to_dict(dtype="int8")["training"] is None
    assert "training              unavailable: nothing trains in int8" in net.report(dtype="int8")


@pytest.mark.parametrize("batch", [0, -1])
def test_no_batch(batch: int) -> None:
    with pytest.raises(cnnc.UsageError) as caught:
        cnnc.compile("conv3x3(8) -> bn", input=(3, 8, 8)).training.saved_bytes(batch, "fp32")
    assert caught.value.code == "E0513"
