"""Initial values in emitted source: a loop over the modules at the end of the network's constructor."""

from ...compiler.ir import Apply, Graph, known, regions_of
from ...compiler.ops.initial import METHODS, Initial
from .ops import literal

MODULES = {"conv": "nn.Conv{rank}d", "deconv": "nn.ConvTranspose{rank}d", "fc": "nn.Linear"}
OTHERS = {"deformconv": "DeformableConv2d", "bilinear": "nn.Bilinear"}


def initial_lines(graph: Graph) -> list[str]:
    """The statements that give weights the initial values which the network asks for."""
    given = dict(graph.initials)
    if not given:
        return []
    classes = module_classes(graph)
    bodies: dict[tuple[str, ...], list[str]] = {}
    for kind, names in classes.items():
        body = _body(_call(given.get(kind), "weight"), _call(given.get("bias"), "bias"))
        if names and body:
            bodies.setdefault(body, []).extend(names)
    if not bodies:
        return []
    lines = ["        for module in self.modules():"]
    for body, names in bodies.items():
        test = names[0] if len(names) == 1 else f"({', '.join(names)})"
        lines += [f"            if isinstance(module, {test}):", *body]
    if "DeformableConv2d" in classes["conv"]:
        lines += [
            "        for module in self.modules():",
            "            if isinstance(module, DeformableConv2d):  # its offsets begin as 0",
            "                nn.init.zeros_(module.offset.weight)",
            "                nn.init.zeros_(module.offset.bias)",
        ]
    return lines


def _body(weight: str, bias: str) -> tuple[str, ...]:
    lines: tuple[str, ...] = (f"                {weight}",) if weight else ()
    if bias:
        lines += ("                if module.bias is not None:", f"                    {bias}")
    return lines


def module_classes(graph: Graph) -> dict[str, list[str]]:
    """For each kind of layer the classes of torch.nn that the network makes of it."""
    found: dict[str, dict[str, None]] = {kind: {} for kind in MODULES}
    for region in regions_of(graph.root):
        for step in region.steps:
            if not isinstance(step, Apply) or not step.op.initial:
                continue
            base = MODULES[step.op.initial]
            rank = len(known(step.inputs[0])) - 1
            found[step.op.initial][OTHERS.get(step.op.name, base.format(rank=rank))] = None
    return {kind: sorted(names) for kind, names in found.items()}


def _call(initial: Initial | None, tensor: str) -> str:
    """`nn.init.kaiming_normal_(module.weight, mode="fan_out")`, with the arguments that are not PyTorch's defaults."""
    if initial is None or initial.method == "default":
        return ""
    kinds = METHODS[initial.method].params
    args = [f"{name}={literal(value)}" for name, value in initial.args if value != kinds[name].default]
    return f"nn.init.{initial.method}_({', '.join([f'module.{tensor}', *args])})"
