"""`set init(…)`: the initial values that a program gives to kinds of weight."""

from .. import syntax as ast
from ..diagnostics import show
from ..ops import NAMES
from ..ops.composite import COMPOSITES
from ..ops.initial import KINDS, METHODS, NEEDS_FANS, Initial, Method
from .bind import bind_op, suggest
from .evaluate import Evaluator
from .scope import Env, Ref

INIT = "init"
"""What `set` calls the initial values of weights."""


def initials_of(evaluator: Evaluator, item: ast.Set, env: Env) -> dict[str, Initial]:
    """What one line says, by kind of weight; a bare method is for all layers. Raises Problem."""
    found: dict[str, Initial] = {}
    for argument in item.args:
        if argument.name is not None and argument.name not in KINDS:
            see = _kind(argument.name) or suggest(argument.name, list(KINDS), INIT)
            raise evaluator.problem("E0302", argument, env, name=argument.name, layer=INIT, see=see)
        method, name = _method(evaluator, argument, env)
        values = bind_op(evaluator, Ref(method, name), ast.bare(argument.value), env, 0)
        initial = Initial(method.name, tuple(values._asdict().items()))
        found.update(dict.fromkeys((argument.name,) if argument.name else KINDS[:3], initial))
    return found


def _kind(name: str) -> str:
    """A way out for a layer in place of the kind that its weights are of, or an empty text."""
    from .foreign import known_layers, looked_up  # only mistakes need it

    layer = name if name in NAMES or name in COMPOSITES else looked_up(name, known_layers())
    op = NAMES.get(layer)
    kind = op.initial if op is not None else COMPOSITES[layer].family if layer in COMPOSITES else ""
    if kind and kind == layer:
        return f"`{show(name)}` is called `{kind}` here"
    if kind:
        return f"write {kind}=…, which is for `{layer}` too"
    return f"there are {', '.join(KINDS)}; `{layer}` keeps its own initial values" if layer else ""


def _method(evaluator: Evaluator, argument: ast.Argument, env: Env) -> tuple[Method, str]:
    """The method that an argument names, with or without arguments of its own, and its name there."""
    node = ast.bare(argument.value)
    called = ast.bare(node.func) if isinstance(node, ast.Call) else node
    name = called.id if isinstance(called, ast.Name) else ""
    if name not in METHODS:
        from .choices import chosen_here  # only mistakes need it

        way = chosen_here(name, METHODS)
        raise evaluator.problem("E0344", argument.value, env, what="not the name of a method", see=way)
    if argument.name == "bias" and METHODS[name].name in NEEDS_FANS:
        way = "use zeros, constant(…), uniform(…) or normal(…)"
        raise evaluator.problem("E0344", argument.value, env, what="biases have no fan_in and fan_out", see=way)
    return METHODS[name], name
