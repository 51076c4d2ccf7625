"""Optimizers as PyTorch expressions."""

from ...compiler.ir import Graph, weights_of
from ...compiler.recipe.recipe import Chosen
from .text import call, wrapped


def _sgd(o: Chosen, params: str, momentum: float, nesterov: bool) -> str:
    return call(
        "torch.optim.SGD",
        params,
        lr=(o.of("lr"), None),
        momentum=(momentum, 0.0),
        dampening=(o.of("dampening") or 0.0, 0.0),
        weight_decay=(o.of("weight_decay"), 0.0),
        nesterov=(nesterov, False),
    )


def _adam(name: str, o: Chosen, params: str, decay: float) -> str:
    return call(
        f"torch.optim.{name}",
        params,
        lr=(o.of("lr"), None),
        betas=((o.of("beta1"), o.of("beta2")), (0.9, 0.999)),
        eps=(o.of("eps"), 1e-8),
        weight_decay=(o.of("weight_decay"), decay),
        amsgrad=(o.of("amsgrad"), False),
    )


def expression(o: Chosen, params: str) -> str:
    """The optimizer of `params`, an expression for parameters or groups of them."""
    lr, decay = (o.of("lr"), None), (o.of("weight_decay"), 0.0)
    match o.name:
        case "gd":
            return _sgd(o, params, 0.0, False)
        case "sgd":
            return _sgd(o, params, o.of("momentum"), o.of("nesterov"))
        case "momentum":
            return _sgd(o, params, o.of("momentum"), False)
        case "nag":
            return _sgd(o, params, o.of("momentum"), o.of("momentum") > 0)
        case "adagrad":
            rest = {"lr_decay": (o.of("lr_decay"), 0.0), "weight_decay": decay, "eps": (o.of("eps"), 1e-10)}
            return call("torch.optim.Adagrad", params, lr=lr, **rest)
        case "adadelta":
            rest = {"rho": (o.of("rho"), 0.9), "eps": (o.of("eps"), 1e-6), "weight_decay": decay}
            return call("torch.optim.Adadelta", params, lr=lr, **rest)
        case "rmsprop":
            rest = {"alpha": (o.of("alpha"), 0.99), "eps": (o.of("eps"), 1e-8), "weight_decay": decay}
            rest |= {"momentum": (o.of("momentum"), 0.0), "centered": (o.of("centered"), False)}
            return call("torch.optim.RMSprop", params, lr=lr, **rest)
        case "adam":
            return _adam("Adam", o, params, 0.0)
        case _:
            return _adam("AdamW", o, params, 0.01)


def tables(graph: Graph) -> list[tuple[int, ...]]:
    """Shapes of several axes that only parameters of norms and scales have, which do not begin as random numbers."""
    stored = [weight for _, weight, trained in weights_of(graph) if trained and len(weight.shape) > 1]
    fixed = {weight.shape for weight in stored if weight.init == "constant" and not weight.args}
    return sorted(fixed - {weight.shape for weight in stored if weight.init != "constant" or weight.args})


def lines(graph: Graph, o: Chosen) -> list[str]:
    """The function `make_optimizer`."""
    head = ["def make_optimizer(params):", '    """The optimizer of some parameters."""']
    if o.of("decay") == "all":
        return [*head, *wrapped(f"    return {expression(o, 'params')}")]
    spared = tables(graph)
    weight = "p.ndim > 1 and tuple(p.shape) not in norms" if spared else "p.ndim > 1"
    other = "p.ndim <= 1 or tuple(p.shape) in norms" if spared else "p.ndim <= 1"
    return [
        *head,
        "    params = list(params)",
        *([f"    norms = {spared}"] if spared else []),
        f"    weights = [p for p in params if {weight}]",
        f"    rest = [p for p in params if {other}]  # biases and parameters of norms, which do not decay",
        '    groups = [{"params": weights}, {"params": rest, "weight_decay": 0.0}]',
        *wrapped(f"    return {expression(o, 'groups')}"),
    ]
