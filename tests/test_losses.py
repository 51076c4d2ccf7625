"""Losses: what `net.loss()` computes is the textbook formula, written here in NumPy, of every entry and setting."""

from collections.abc import Callable
from typing import Any, NamedTuple

import cnnc
import numpy as np
import pytest
import torch
from cnnc.backends.train.recipe import source
from cnnc.compiler.recipe.losses import LOSSES
from loss_formulas import (
    Array,
    bce,
    bce_logits,
    contrastive,
    cross_entropy,
    hinge,
    huber,
    log_softmax,
    nll,
    quadruplet,
    smooth_l1,
    triplet,
)

N = 6
"""Samples of a batch."""


class Reference(NamedTuple):
    """A formula, what its target is, and settings with the shape of the output."""

    formula: Callable[..., float]
    target: str
    cases: tuple[tuple[str, str], ...]


VECTOR, POINT, LINE, MAP, VOLUME = (
    "5x1x1 -> flatten",
    "5x1x1 -> relu",
    "3x7 -> relu",
    "4x3x5 -> relu",
    "3x2x3x2 -> relu",
)
SINGLE, ONE = "1x1x1 -> flatten", "1x1x1 -> relu"
MAPS = tuple(("dense=true", shape) for shape in (LINE, MAP, VOLUME))
SCORES = (("", VECTOR), ("", POINT), ("ignore=2", VECTOR), ("dense=true, ignore=1", MAP), *MAPS)
ANY = (("", VECTOR), ("", POINT), ("", LINE), ("", MAP), ("", VOLUME), ("", SINGLE), ("", "3x4x4 -> tokens"))
MARGINS = (("", VECTOR), ("margin=0.3", VECTOR), ("margin=4", POINT))

REFERENCES: dict[str, Reference] = {
    "cross_entropy": Reference(
        cross_entropy,
        "index",
        (
            *SCORES,
            ("label_smoothing=0.1", VECTOR),
            ("label_smoothing=1", POINT),
            ("label_smoothing=0.3, dense=true, ignore=0", MAP),
            ("label_smoothing=0.2, ignore=3", VECTOR),
        ),
    ),
    "nll": Reference(nll, "index", SCORES),
    "bce": Reference(bce, "binary", ANY),
    "bce_logits": Reference(
        bce_logits, "binary", (*ANY, ("pos_weight=3", VECTOR), ("pos_weight=0.25", MAP), ("pos_weight=0", SINGLE))
    ),
    "l1": Reference(lambda y, t: float(np.abs(y - t).mean()), "real", ANY),
    "mse": Reference(lambda y, t: float(((y - t) ** 2).mean()), "real", ANY),
    "smooth_l1": Reference(
        smooth_l1, "real", (*ANY, ("beta=0.2", MAP), ("beta=3", VECTOR), ("beta=0", VECTOR), ("beta=1e-3", POINT))
    ),
    "huber": Reference(huber, "real", (*ANY, ("delta=0.2", MAP), ("delta=3", VECTOR))),
    "hinge": Reference(hinge, "index", (*MARGINS, ("", SINGLE), ("margin=2.5", SINGLE), ("margin=0.5", ONE))),
    "triplet": Reference(triplet, "", MARGINS),
    "contrastive": Reference(contrastive, "same", MARGINS),
    "quadruplet": Reference(quadruplet, "", (*MARGINS, ("margin2=2", VECTOR), ("margin=0.1, margin2=0.2", POINT))),
}
CASES = [(name, *case) for name, reference in REFERENCES.items() for case in reference.cases]


# Programs and tensors


def program(loss: str, body: str, operands: int = 1) -> cnnc.Net:
    """A network whose outputs have a shape, with a loss."""
    shape, layers = body.split(" -> ")
    names = [f"x{i}" for i in range(operands)]
    lines = [f"input {', '.join(f'{x}: {shape}' for x in names)}"]
    lines += [f"output {', '.join(f'y{i} = {x} -> {layers}' for i, x in enumerate(names))}"]
    return cnnc.compile("\n".join([*lines, f"train {{ loss = {loss} }}"]))


def options(text: str) -> dict[str, Any]:
    """`beta=0.2, dense=true` as arguments of a formula; `dense` follows from the shape there."""
    pairs = [part.split("=") for part in text.split(", ") if part]
    return {name: float(value) for name, value in pairs if name != "dense"}


def samples(name: str, shape: tuple[int, ...], operands: int, settings: dict[str, Any]) -> tuple[list[Array], Array]:
    """Outputs and a target that fit a loss."""
    rng = np.random.default_rng(len(name) * 100 + len(shape))
    outputs = [rng.normal(size=(N, *shape)) * 1.5 for _ in range(operands)]
    if name == "bce":
        outputs = [1 / (1 + np.exp(-y)) for y in outputs]
        outputs[0].flat[:2] = 0.0, 1.0
    if name == "nll":
        outputs = [log_softmax(y) for y in outputs]
    match REFERENCES[name].target:
        case "index":
            tail = shape[1:] if any(extent != 1 for extent in shape[1:]) else ()
            target = rng.integers(0, max(2, shape[0]), (N, *tail))
            target.flat[0] = int(settings.get("ignore", target.flat[0]))
        case "binary":
            target = np.where(rng.random((N, *shape)) < 0.7, rng.integers(0, 2, (N, *shape)), rng.random((N, *shape)))
        case "same":
            target = rng.integers(0, 2, N).astype(float)
        case _:
            target = rng.normal(size=(N, *shape))
    return outputs, target


def module_output(outputs: list[Array]) -> Any:
    """What a network's module returns, with these values: a tensor, or several by name."""
    tensors = [torch.from_numpy(y) for y in outputs]
    return tensors[0] if len(tensors) == 1 else {f"y{i}": y for i, y in enumerate(tensors)}


# One loss


def test_every_loss_has_a_reference() -> None:
    assert set(REFERENCES) == set(LOSSES)
    for name, reference in REFERENCES.items():
        written = {part.split("=")[0] for text, _ in reference.cases for part in text.split(", ") if part}
        assert written == set(LOSSES[name].params), name


@pytest.mark.parametrize(("name", "text", "body"), CASES, ids=[f"{n}({t})@{b.split()[0]}" for n, t, b in CASES])
def test_a_loss_is_its_formula(name: str, text: str, body: str) -> None:
    loss, settings = LOSSES[name], options(text)
    net = program(f"{name}({text})" if text else name, body, loss.operands)
    shape = tuple(net.graph.outputs[0].value.shape or ())
    outputs, target = samples(name, shape, loss.operands, settings)
    targets = [target] if REFERENCES[name].target else []
    found = net.loss()(module_output(outputs), *map(torch.from_numpy, targets))
    arrays = [x.reshape(N, -1) if body in (POINT, ONE) and x.ndim > 1 else x for x in (*outputs, *targets)]
    expected = REFERENCES[name].formula(*arrays, **settings)
    assert found.shape == () and found.dtype == torch.float64
    assert abs(float(found) - expected) <= 1e-12 * max(1, abs(expected))


@pytest.mark.parametrize("name", ["cross_entropy", "bce_logits"])
def test_large_logits_do_not_overflow(name: str) -> None:
    net = program(name, VECTOR)
    y = torch.tensor([[1e4, -1e4, 0.0, 3.0, -800.0]], dtype=torch.float64)
    target = np.array([1]) if name == "cross_entropy" else np.array([[0.0, 1, 0, 1, 1]])
    expected = REFERENCES[name].formula(y.numpy(), target)
    assert float(net.loss()(y, torch.from_numpy(target))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["triplet", "contrastive", "quadruplet"])
@pytest.mark.parametrize("body", [VECTOR, POINT])
def test_gradients_of_losses_of_embeddings(name: str, body: str) -> None:
    """Derivatives are those of difference quotients; for embeddings that coincide they are finite."""
    loss = LOSSES[name]
    compute = program(name, body, loss.operands).loss()
    outputs, target = samples(name, (5,) if body == VECTOR else (5, 1, 1), loss.operands, {})
    tensors = [torch.from_numpy(y).requires_grad_() for y in outputs]

    def of(*y: torch.Tensor) -> torch.Tensor:
        named = {f"y{i}": part for i, part in enumerate(y)}
        return compute(named, torch.from_numpy(target)) if name == "contrastive" else compute(named)

    assert torch.autograd.gradcheck(of, tensors)
    same = [torch.ones(N, *tensors[0].shape[1:], dtype=torch.float64, requires_grad=True) for _ in tensors]
    of(*same).backward()
    assert all(y.grad is not None and bool(torch.isfinite(y.grad).all()) for y in same)


# Sums, lists, targets


TWO = "input 4x6x6\n-> gap -> flatten as f\noutput a = f -> fc(5), b = f -> fc(3)\n"
SUMS = [
    ("cross_entropy(a) + 0.25 * mse(b)", {"a": 1.0, "b": 0.25}),
    ("0.5 * (cross_entropy(a) + mse(b))", {"a": 0.5, "b": 0.5}),
    ("(cross_entropy(a) + 3 * mse(b)) / 4", {"a": 0.25, "b": 0.75}),
    ("2 * 0.25 * (2 * cross_entropy(a)) + mse(b) * 3", {"a": 1.0, "b": 3.0}),
    ("[cross_entropy, mse]", {"a": 1.0, "b": 1.0}),
    ("[0.5 * cross_entropy, mse * 2]", {"a": 0.5, "b": 2.0}),
    ("0 * mse(b) + cross_entropy(a)", {"a": 1.0, "b": 0.0}),
]


def both() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    rng = np.random.default_rng(3)
    y = {"a": torch.from_numpy(rng.normal(size=(N, 5))), "b": torch.from_numpy(rng.normal(size=(N, 3)))}
    return y, {"a": torch.from_numpy(rng.integers(0, 5, N)), "b": torch.from_numpy(rng.normal(size=(N, 3)))}


@pytest.mark.parametrize(("text", "weights"), SUMS)
def test_weighted_sums(text: str, weights: dict[str, float]) -> None:
    net = cnnc.compile(f"{TWO} train {{ loss = {text} }}")
    y, t = both()
    parts = {"a": cross_entropy(y["a"].numpy(), t["a"].numpy()), "b": float(((y["b"] - t["b"]) ** 2).mean())}
    expected = sum(weights[name] * parts[name] for name in parts)
    assert net.loss()(y, t).item() == pytest.approx(expected, rel=1e-12)


def test_a_sum_of_losses_of_one_output() -> None:
    net = program("cross_entropy(y0) + 0.5 * hinge(y0, margin=2) + 0 * cross_entropy(label_smoothing=0.1)", VECTOR)
    (y,), t = samples("hinge", (5,), 1, {})
    expected = cross_entropy(y, t) + 0.5 * hinge(y, t, 2)
    assert float(net.loss()(torch.from_numpy(y), torch.from_numpy(t))) == pytest.approx(expected, rel=1e-12)


def test_many_terms_stay_readable() -> None:
    """A long sum has a line for each term and computes the same."""
    text = " + ".join(f"{i + 1} * cross_entropy(label_smoothing=0.{i})" for i in range(9))
    net = program(text, VECTOR)
    (y,), t = samples("cross_entropy", (5,), 1, {})
    expected = sum((i + 1) * cross_entropy(y, t, i / 10) for i in range(9))
    assert float(net.loss()(torch.from_numpy(y), torch.from_numpy(t))) == pytest.approx(expected, rel=1e-12)
    assert max(map(len, source(net.graph, "loss").splitlines())) <= 120


def test_one_target_for_several_outputs() -> None:
    """`target=` names it; a single target is passed by itself, several by name."""
    y, t = both()
    alike = TWO.replace("fc(3)", "fc(5)")
    shared = cnnc.compile(f"{alike} train {{ loss = cross_entropy(a, target=t) + hinge(b, target=t) }}")
    other = torch.flip(y["a"], (1,))
    expected = cross_entropy(y["a"].numpy(), t["a"].numpy()) + hinge(other.numpy(), t["a"].numpy())
    assert float(shared.loss()({"a": y["a"], "b": other}, t["a"])) == pytest.approx(expected, rel=1e-12)
    named = cnnc.compile(f"{TWO} train {{ loss = [cross_entropy(target=digit), mse(target=size)] }}")
    expected = cross_entropy(y["a"].numpy(), t["a"].numpy()) + ((y["b"] - t["b"]) ** 2).mean().item()
    assert float(named.loss()(y, {"digit": t["a"], "size": t["b"]})) == pytest.approx(expected, rel=1e-12)


def test_embeddings_and_classes_together() -> None:
    """Whether a pair is of one class is a target beside the program's: `same`."""
    net = program("contrastive(y0, y1) + cross_entropy(y0) + 0.5 * cross_entropy(y1)", VECTOR, 2)
    (a, b), same = samples("contrastive", (5,), 2, {})
    _, t = samples("hinge", (5,), 1, {})
    targets = {"y0": torch.from_numpy(t), "y1": torch.from_numpy(t), "same": torch.from_numpy(same)}
    expected = contrastive(a, b, same) + cross_entropy(a, t) + 0.5 * cross_entropy(b, t)
    assert float(net.loss()(module_output([a, b]), targets)) == pytest.approx(expected, rel=1e-12)


# Auxiliary heads


HEADS = "input 3x8x8\n-> conv3x3(4) -> relu as h -> gap -> flatten -> fc(5)\naux side = h -> gap -> fc(5)\n"


@pytest.mark.parametrize("main", ["cross_entropy + ", ""])
def test_heads_of_training(main: str) -> None:
    """The module returns them in training alone; without them their terms are left out."""
    net = cnnc.compile(f"{HEADS} train {{ loss = {main}0.3 * cross_entropy(side) }}")
    module, x, t = net.to_torch().double(), torch.randn(N, 3, 8, 8, dtype=torch.float64), torch.arange(N) % 5
    y = module.train()(x)
    first = cross_entropy(y["output"].detach().numpy(), t.numpy()) if main else 0.0
    expected = first + 0.3 * cross_entropy(y["side"].detach().numpy().reshape(N, -1), t.numpy())
    assert net.loss()(y, t).item() == pytest.approx(expected, rel=1e-12)
    alone = module.eval()(x)
    assert isinstance(alone, torch.Tensor)
    assert net.loss()(alone, t).item() == pytest.approx(first, rel=1e-12)


def test_heads_of_a_network_with_several_outputs() -> None:
    text = HEADS.replace("-> gap -> flatten -> fc(5)\n", "\noutput a = h -> gap -> fc(5), b = h -> gap -> fc(2)\n")
    net = cnnc.compile(f"{text} train {{ loss = cross_entropy(a) + mse(b) + cross_entropy(side) }}")
    module, x = net.to_torch().double(), torch.randn(N, 3, 8, 8, dtype=torch.float64)
    t = {"a": torch.arange(N) % 5, "b": torch.randn(N, 2, 1, 1, dtype=torch.float64)}
    for training in (True, False):
        y = module.train(training)(x)
        t["b"] = t["b"].reshape(y["b"].shape)
        parts = {name: value.detach().numpy().reshape(N, -1) for name, value in y.items()}
        expected = cross_entropy(parts["a"], t["a"].numpy()) + ((y["b"] - t["b"]) ** 2).mean().item()
        expected += cross_entropy(parts["side"], t["a"].numpy()) if training else 0.0
        assert net.loss()(y, t).item() == pytest.approx(expected, rel=1e-12)


# Sums and counts


@pytest.mark.parametrize(("name", "text", "body"), CASES, ids=[f"{n}({t})@{b.split()[0]}" for n, t, b in CASES])
def test_a_loss_is_a_sum_over_a_count(name: str, text: str, body: str) -> None:
    """Sums and counts of uneven parts of a batch, one of which may hold nothing that counts, add up to the batch's, and
    so does the gradient of what each part adds to the mean: that is how processes share a batch."""
    net = program(f"{name}({text})" if text else name, body, LOSSES[name].operands)
    shape = tuple(net.graph.outputs[0].value.shape or ())
    outputs, target = samples(name, shape, LOSSES[name].operands, options(text))
    if "ignore" in text:
        target[:2] = int(options(text)["ignore"])
    space: dict[str, Any] = {}
    exec(source(net.graph, "loss"), space)

    def parts(*places: slice) -> tuple[Any, Any, list[Any]]:
        """The mean's sums and counts over parts, and its gradient for each output."""
        tensors = [torch.from_numpy(y).requires_grad_() for y in outputs]
        found = []
        for place in places:
            y = [tensor[place] for tensor in tensors]
            t = [torch.from_numpy(target)[place]] if REFERENCES[name].target else []
            found.append(space["loss_sums"](y[0] if len(y) == 1 else {f"y{i}": x for i, x in enumerate(y)}, *t))
        counts = sum(count for _, count in found)
        for i, (sums, _) in enumerate(found):
            space["mean_loss"](sums, counts).backward(retain_graph=i + 1 < len(found))
        return sum(sums for sums, _ in found), counts, [tensor.grad for tensor in tensors]

    whole, shared = parts(slice(0, N)), parts(slice(0, 2), slice(2, 3), slice(3, N))
    assert torch.equal(whole[1], shared[1])
    torch.testing.assert_close(shared[0], whole[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(shared[2], whole[2], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["cross_entropy", "nll"])
@pytest.mark.parametrize("ignore", ["", "ignore=1", "ignore=255"])
@pytest.mark.parametrize("body", [VECTOR, MAP])
def test_a_batch_of_which_nothing_counts(name: str, ignore: str, body: str) -> None:
    """0 of 0: the loss is 0 and so is its gradient, no nan."""
    dense = "dense=true" if body == MAP else ""
    net = program(f"{name}({', '.join(filter(None, (dense, ignore)))})", body)
    y = torch.randn(N, *(net.graph.outputs[0].value.shape or ()), requires_grad=True)
    t = torch.full((N, *y.shape[2:]), int(ignore.rpartition("=")[2] or -100))
    loss = net.loss()(y, t)
    loss.backward()
    assert loss.item() == 0 and y.grad is not None and not y.grad.any()


def test_shares_of_classes_all_count() -> None:
    """Targets that are mixed are averaged over samples, not over classes."""
    net, y = program("cross_entropy", VECTOR), torch.randn(N, 5)
    t = torch.rand(N, 5).softmax(1)
    torch.testing.assert_close(net.loss()(y, t), torch.nn.functional.cross_entropy(y, t))


@pytest.mark.parametrize("other", ["hinge", "cross_entropy", "nll(ignore=3)"])
def test_losses_of_one_target_leave_out_the_same(other: str) -> None:
    text = "input 3x4x4 -> gap -> fc(5) train { loss = cross_entropy(ignore=4) + %s }"
    with pytest.raises(cnnc.CnncError) as caught:
        cnnc.compile(text % other)
    assert caught.value.code == "E0537"
    assert cnnc.compile("input 3x4x4 -> gap -> fc(5) train { loss = cross_entropy(ignore=4) + nll(ignore=4) }").loss()
