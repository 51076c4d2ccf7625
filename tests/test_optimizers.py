"""Optimizers: fifty steps of `net.optimizer()` are those of the published update, written here in NumPy."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import cnnc
import numpy as np
import pytest
import torch
from cnnc.compiler.recipe.optimizers import OPTIMIZERS

Array = np.ndarray[Any, np.dtype[np.float64]]
Update = Callable[[int, Array, Array, dict[str, Array]], Array]
"""`(step from 1, weight, gradient, state that it may change)` to the new weight."""

STEPS = 50


# Updates


def momentum_update(
    lr: float = 0.01, momentum: float = 0.0, nesterov: bool = False, dampening: float = 0.0, weight_decay: float = 0.0
) -> Update:
    """Polyak 1964; with nesterov the form of Sutskever et al. 2013, equations 3 and 4, at the shifted weights."""

    def update(t: int, w: Array, g: Array, state: dict[str, Array]) -> Array:
        g = g + weight_decay * w
        if not momentum:
            return w - lr * g
        state["v"] = momentum * state["v"] + (1 - dampening) * g if t > 1 else g
        return w - lr * (g + momentum * state["v"] if nesterov else state["v"])

    return update


def adagrad(lr: float = 0.01, lr_decay: float = 0.0, eps: float = 1e-10, weight_decay: float = 0.0) -> Update:
    """Duchi, Hazan and Singer 2011, with a diagonal matrix."""

    def update(t: int, w: Array, g: Array, state: dict[str, Array]) -> Array:
        g = g + weight_decay * w
        state["s"] = state.get("s", 0 * w) + g**2
        return w - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(state["s"]) + eps)

    return update


def adadelta(lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0) -> Update:
    """Zeiler 2012, algorithm 1."""

    def update(t: int, w: Array, g: Array, state: dict[str, Array]) -> Array:
        g = g + weight_decay * w
        state["s"] = rho * state.get("s", 0 * w) + (1 - rho) * g**2
        d = np.sqrt(state.get("u", 0 * w) + eps) / np.sqrt(state["s"] + eps) * g
        state["u"] = rho * state.get("u", 0 * w) + (1 - rho) * d**2
        return w - lr * d

    return update


def rmsprop(
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    centered: bool = False,
    weight_decay: float = 0.0,
) -> Update:
    """Tieleman and Hinton 2012; centered: Graves 2013, equations 38 to 41, but for ε, which stands after the root."""

    def update(t: int, w: Array, g: Array, state: dict[str, Array]) -> Array:
        g = g + weight_decay * w
        state["s"] = alpha * state.get("s", 0 * w) + (1 - alpha) * g**2
        state["m"] = alpha * state.get("m", 0 * w) + (1 - alpha) * g
        spread = state["s"] - state["m"] ** 2 if centered else state["s"]
        state["v"] = momentum * state.get("v", 0 * w) + g / (np.sqrt(spread) + eps)
        return w - lr * state["v"]

    return update


def adam(
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    amsgrad: bool = False,
    weight_decay: float = 0.0,
    apart: bool = False,
) -> Update:
    """Kingma and Ba 2015, algorithm 1; amsgrad: Reddi et al. 2018; apart: Loshchilov and Hutter 2019, algorithm 2."""

    def update(t: int, w: Array, g: Array, state: dict[str, Array]) -> Array:
        if apart:
            w = w - lr * weight_decay * w
        else:
            g = g + weight_decay * w
        state["m"] = beta1 * state.get("m", 0 * w) + (1 - beta1) * g
        state["v"] = beta2 * state.get("v", 0 * w) + (1 - beta2) * g**2
        state["top"] = np.maximum(state.get("top", state["v"]), state["v"])
        second = state["top"] if amsgrad else state["v"]
        return w - lr * state["m"] / (1 - beta1**t) / (np.sqrt(second / (1 - beta2**t)) + eps)

    return update


UPDATES: dict[str, Callable[..., Update]] = {
    "gd": momentum_update,
    "sgd": momentum_update,
    "momentum": lambda momentum=0.9, **rest: momentum_update(momentum=momentum, **rest),
    "nag": lambda momentum=0.9, **rest: momentum_update(momentum=momentum, nesterov=True, **rest),
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": lambda weight_decay=0.01, **rest: adam(weight_decay=weight_decay, apart=True, **rest),
}
SETTINGS = [
    *((name, "") for name in UPDATES),
    *((name, "weight_decay=0.1") for name in UPDATES),
    *((name, "lr=0.02, weight_decay=0.3, decay=weights") for name in UPDATES),
    ("gd", "lr=0.05"),
    ("sgd", "lr=0.03, momentum=0.9"),
    ("sgd", "momentum=0.9, nesterov=true"),
    ("sgd", "momentum=0.8, dampening=0.5"),
    ("sgd", "momentum=0.8, dampening=0.25, weight_decay=0.05"),
    ("sgd", "lr=0.05, dampening=0.5"),
    ("momentum", "lr=0.02, momentum=0.5"),
    ("momentum", "momentum=0"),
    ("nag", "lr=0.02, momentum=0.7"),
    ("nag", "momentum=0"),
    ("adagrad", "lr=0.5, lr_decay=0.1"),
    ("adagrad", "eps=0.01"),
    ("adadelta", "lr=0.5, rho=0.95, eps=0.001"),
    ("rmsprop", "alpha=0.9, momentum=0.9"),
    ("rmsprop", "centered=true"),
    ("rmsprop", "alpha=0.5, eps=0.01, momentum=0.5, centered=true, weight_decay=0.01"),
    ("adam", "beta1=0.5, beta2=0.9, eps=0.001"),
    ("adam", "lr=0.05, beta1=0, amsgrad=true"),
    ("adam", "lr=0.05, beta2=0.9, amsgrad=true, weight_decay=0.01"),
    ("adamw", "lr=0.05, weight_decay=0"),
    ("adamw", "lr=0.05, beta1=0.8, beta2=0.9, eps=0.001, amsgrad=true"),
]


def options(text: str) -> dict[str, Any]:
    words = {"true": True, "false": False}
    pairs = [part.split("=") for part in text.split(", ") if part]
    return {name: words[v] if v in words else v if name == "decay" else float(v) for name, v in pairs}


def replay(name: str, text: str, weights: list[Array], gradients: Callable[[list[Array]], list[Array]]) -> list[Array]:
    """The weights after fifty updates by the formula; decay=weights leaves vectors, which are biases, alone."""
    given = options(text)
    reach = given.pop("decay", "all")
    spared = UPDATES[name](**{**given, "weight_decay": 0.0})
    updates = [UPDATES[name](**given) if reach == "all" or w.ndim > 1 else spared for w in weights]
    states: list[dict[str, Array]] = [{} for _ in weights]
    for t in range(1, STEPS + 1):
        found = gradients(weights)
        weights = [update(t, w, g, s) for update, w, g, s in zip(updates, weights, found, states, strict=True)]
    return weights


def program(name: str, text: str) -> cnnc.Net:
    return cnnc.compile(
        "input 2x5x5 -> conv3x3(3) -> relu -> flatten -> fc(4)\n"
        f"train {{ loss = cross_entropy, optimizer = {f'{name}({text})' if text else name} }}"
    )


def close(found: list[torch.Tensor], expected: list[Array]) -> None:
    for tensor, array in zip(found, expected, strict=True):
        np.testing.assert_allclose(tensor.detach().numpy(), array, rtol=1e-9, atol=1e-12)


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # small tensors: more threads only wait for each other
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_every_optimizer_has_an_update_and_every_setting_a_case() -> None:
    assert set(UPDATES) == set(OPTIMIZERS)
    for name, entry in OPTIMIZERS.items():
        assert {key for n, text in SETTINGS if n == name for key in options(text)} == set(entry.params), name


@pytest.mark.parametrize(("name", "text"), SETTINGS)
def test_steps_on_a_quadratic(name: str, text: str) -> None:
    """w'Aw/2 − b'w whose curvatures differ by a factor of 10⁴, with a matrix and a vector of unknowns."""
    curvature = np.logspace(-3, 1, 12).reshape(3, 4)
    start = [np.random.default_rng(1).normal(size=(3, 4)), np.array([1.0, -2.0, 0.5])]
    slopes = [curvature, np.array([10.0, 0.1, 1e-3])]

    def gradients(weights: list[Array]) -> list[Array]:
        return [a * w - 0.1 for a, w in zip(slopes, weights, strict=True)]

    params = [torch.nn.Parameter(torch.from_numpy(w.copy())) for w in start]
    optimizer = program(name, text).optimizer(iter(params))
    for _ in range(STEPS):
        for p, g in zip(params, gradients([p.detach().numpy() for p in params]), strict=True):
            p.grad = torch.from_numpy(g)
        optimizer.step()
    expected = replay(name, text, start, gradients)
    assert all(np.abs(w - w0).max() > 1e-5 for w, w0 in zip(expected, start, strict=True))
    close(params, expected)


@pytest.mark.parametrize(("name", "text"), SETTINGS)
def test_steps_of_a_network(name: str, text: str) -> None:
    """Two trajectories of their own: that of the optimizer, and the formula's with gradients at its weights."""
    net = program(name, text)
    module, loss = net.to_torch().double(), net.loss()
    x, t = torch.randn(8, 2, 5, 5), torch.arange(8) % 4
    params = list(module.parameters())
    start = [p.detach().numpy().copy() for p in params]

    def gradients(weights: list[Array]) -> list[Array]:
        values = {n: torch.from_numpy(w) for (n, _), w in zip(module.named_parameters(), weights, strict=True)}
        values = {n: v.clone().requires_grad_() for n, v in values.items()}
        y = torch.func.functional_call(module, values, (x,))
        return [g.numpy() for g in torch.autograd.grad(loss(y, t), list(values.values()))]

    expected = replay(name, text, start, gradients)
    optimizer = net.optimizer(module)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(module(x), t).backward()
        optimizer.step()
    close(params, expected)


TORCH: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "gd": torch.optim.SGD,
    "sgd": torch.optim.SGD,
    "momentum": torch.optim.SGD,
    "nag": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_those_of_torch(name: str) -> None:
    """But for the rate of SGD, which cnnc has at 0.01, the momentum of `momentum` and `nag`, and `decay`."""
    theirs = {key: p.default for key, p in inspect.signature(TORCH[name]).parameters.items()}
    if "betas" in theirs:
        theirs["beta1"], theirs["beta2"] = theirs["betas"]
    ours = {key: kind.default for key, kind in OPTIMIZERS[name].params.items()}
    if TORCH[name] is torch.optim.SGD:
        assert ours.pop("lr") == 0.01
    if name in ("momentum", "nag"):
        assert ours.pop("momentum") == 0.9
    assert ours.pop("decay") == "all"
    assert ours == {key: theirs[key] for key in ours}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_decays(name: str) -> None:
    """decay=weights: kernels and matrices; biases and the parameters of norms do not. Every parameter is stepped."""
    net = cnnc.compile(
        "input 3x8x8 -> conv3x3(4) -> bn -> prelu -> grn -> ln(axes=all) -> conv3x3(4) -> gn(2) -> scale -> tokens\n"
        "-> ln -> fc(5)\n"
        f"train {{ optimizer = {name}(decay=weights), weight_decay = 0.25 }}"
    )
    module = net.to_torch()
    decays = {id(p): group["weight_decay"] for group in net.optimizer(module).param_groups for p in group["params"]}
    assert len(decays) == len(list(module.parameters()))
    for layer in module.modules():
        for key, p in layer.named_parameters(recurse=False):
            kernel = key == "weight" and isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))
            assert decays[id(p)] == (0.25 if kernel else 0.0), (layer, key)
    plain = cnnc.compile(f"input 3x8x8 -> conv3x3(4) -> bn train {{ optimizer = {name}, weight_decay = 0.25 }}")
    (group,) = plain.optimizer(plain.to_torch()).param_groups
    assert group["weight_decay"] == 0.25 and len(group["params"]) == 4


GROUPED = (
    "input 3x8x8 -> conv3x3(4) -> bn -> relu -> gap -> fc(5) train { optimizer = %s(decay=weights, weight_decay=0.25) }"
)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("form", ["lists", "generators", "names"])
def test_groups_of_which_weights_decay(name: str, form: str) -> None:
    """Each group becomes two, the options of both are the group's, but that biases and norms do not decay."""
    net = cnnc.compile(GROUPED % name)
    module = net.to_torch()
    body, head = list(module.conv1.parameters()) + list(module.bn1.parameters()), module.fc
    given: dict[str, Any] = {
        "lists": [{"params": body, "lr": 0.5}, {"params": list(head.parameters()), "weight_decay": 0.125}],
        "generators": [{"params": iter(body), "lr": 0.5}, {"params": head.parameters(), "weight_decay": 0.125}],
        "names": [
            {"params": [(f"p{i}", p) for i, p in enumerate(body)], "lr": 0.5},
            {"params": list(head.named_parameters()), "weight_decay": 0.125},
        ],
    }
    made = net.optimizer(given[form])
    found = {id(p): (g["lr"], g["weight_decay"]) for g in made.param_groups for p in g["params"]}
    usual = OPTIMIZERS[name].params["lr"].default
    wanted = {id(p): (0.5, 0.25 if p.ndim > 1 else 0.0) for p in body}
    wanted |= {id(head.weight): (usual, 0.125), id(head.bias): (usual, 0.0)}
    assert found == wanted and len(made.param_groups) == 4
    module(torch.randn(2, 3, 8, 8)).sum().backward()
    before = [p.clone() for p in module.parameters()]
    made.step()
    assert all((p != b).any() for p, b in zip(module.parameters(), before, strict=True))


def test_groups_of_which_all_decay() -> None:
    net = cnnc.compile((GROUPED % "adam").replace("weights", "all"))
    module = net.to_torch()
    groups = [{"params": module.conv1.parameters()}, {"params": module.fc.weight, "lr": 0.5}]
    found = net.optimizer(groups).param_groups
    assert [(len(g["params"]), g["lr"], g["weight_decay"]) for g in found] == [(2, 0.001, 0.25), (1, 0.5, 0.25)]


@pytest.mark.parametrize("decay", ["all", "weights"])
@pytest.mark.parametrize("wrong", ["twice", "mixed", "empty", "nothing"])
def test_groups_that_are_wrong(decay: str, wrong: str) -> None:
    net = cnnc.compile((GROUPED % "adam").replace("decay=weights", f"decay={decay}"))
    w = net.to_torch().fc.weight
    given: dict[str, list[Any]] = {
        "twice": [{"params": [w]}, {"params": [w]}],
        "mixed": [{"params": [w]}, torch.nn.Parameter(w.clone())],
        "empty": [],
        "nothing": [{"lr": 1.0}],
    }
    with pytest.raises(cnnc.CnncError) as caught:
        net.optimizer(given[wrong])
    assert caught.value.code == "E0585"
