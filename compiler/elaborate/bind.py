"""Arguments of a use to parameters of a declaration: by position, by name, from `set`, from defaults."""

from difflib import get_close_matches
from typing import Any

from .. import syntax as ast
from ..diagnostics import Reject
from ..ops import Op
from ..ops.composite import Composite
from ..ops.kinds import REQUIRED, Optional, Word
from .evaluate import Evaluator
from .scope import UNKNOWN, BlockDecl, Env, Problem, Ref

Entry = Op[Any] | Composite


class Given:
    """The arguments of one use, told apart by name; each keeps the node that it was written as."""

    def __init__(
        self, evaluator: Evaluator, ref: Ref, names: list[str], suffix_name: str | None, node: Any, env: Env
    ) -> None:
        self.node, self.env = node, env
        self.by_name: dict[str, ast.Argument] = {}
        args = node.args if isinstance(node, ast.Call) else ()
        positional = [name for name in names if ref.suffix is None or name != suffix_name]
        for index, argument in enumerate(args):
            name = argument.name
            if name is None:
                if index >= len(positional):
                    raise evaluator.problem(
                        "E0307", argument, env, layer=ref.name, most=len(positional), given=len(args)
                    )
                name = positional[index]
            elif name not in names:
                help_text = suggest(name, names, ref.name)
                raise evaluator.problem("E0302", argument, env, name=name, layer=ref.name, help=help_text)
            if name in self.by_name or (ref.suffix is not None and name == suffix_name):
                raise evaluator.problem("E0306", argument, env, name=name, layer=ref.name)
            self.by_name[name] = argument


def suggest(name: str, names: list[str], layer: str) -> str:
    """A way out for an unknown argument."""
    close = get_close_matches(name, names, 1, 0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"`{layer}` takes {', '.join(names)}" if names else f"`{layer}` takes no arguments"


def kernel_of(suffix: tuple[int, ...]) -> Any:
    """A kernel suffix as an argument value: `3` stands for all axes, `3x3` for exactly two."""
    return suffix[0] if len(suffix) == 1 else suffix


def bind_op(evaluator: Evaluator, ref: Ref, node: Any, env: Env, rank: int | None) -> Any:
    """The signature value of a use of an op, or UNKNOWN. With `rank` None the arguments are checked as far as possible.

    Raises Problem for unknown, missing, surplus, duplicate and ill-typed arguments.
    """
    entry = ref.target
    assert isinstance(entry, (Op, Composite))
    if ref.suffix is not None and entry.suffix is None:
        raise evaluator.problem("E0321", node, env, layer=entry.name)
    given = Given(evaluator, ref, list(entry.params), entry.suffix, node, env)
    values: list[Any] = []
    unknown = rank is None
    for name, kind in entry.params.items():
        place, at, raw = _raw_value(evaluator, ref, entry, given, name)
        if raw is REQUIRED:
            raise evaluator.problem("E0303", node, env, name=name, layer=ref.name, doc=kind.doc)
        if raw is UNKNOWN:
            unknown = True
        if unknown:
            continue
        inner = kind.kind if isinstance(kind, Optional) else kind
        if isinstance(raw, Ref) and isinstance(inner, Word):
            raw = raw.name  # a word that is also a layer's name, such as `bilinear`
        try:
            values.append(kind.read(raw, rank or 0))
        except Reject as reject:
            facts = {"name": name, "layer": ref.name, **reject.facts}
            raise Problem(reject.code, at.span(place), **facts) from None
    return UNKNOWN if unknown else entry.signature(*values)


def _raw_value(evaluator: Evaluator, ref: Ref, entry: Entry, given: Given, name: str) -> tuple[Any, Env, Any]:
    """Where a parameter's value was written, and the value: argument, suffix, `set`, default, in this order."""
    if name in given.by_name:
        argument = given.by_name[name]
        return argument, given.env, evaluator.evaluate(argument.value, given.env)
    if ref.suffix is not None and name == entry.suffix:
        return given.node, given.env, kernel_of(ref.suffix)
    settings = given.env.scope.settings
    for layer in dict.fromkeys((entry.name, entry.family)):
        setting = settings.get(layer, {}).get(name)
        if setting is not None:
            return setting[0], setting[1], evaluator.evaluate(*setting)
    return given.node, given.env, entry.params[name].default


def bind_block(evaluator: Evaluator, ref: Ref, node: Any, env: Env, inner: Env) -> list[Any]:
    """Bind a block's parameters in `inner`, defaults reading earlier ones; returns the values in order."""
    decl = ref.target
    assert isinstance(decl, BlockDecl)
    names = [param.name for param in decl.node.params]
    if ref.suffix is not None and "k" not in names:
        raise evaluator.problem("E0321", node, env, layer=decl.name)
    given = Given(evaluator, ref, names, "k", node, env)
    settings = env.scope.settings.get(decl.name, {})
    values = []
    for param in decl.node.params:
        if param.name in given.by_name:
            value = evaluator.evaluate(given.by_name[param.name].value, env)
        elif ref.suffix is not None and param.name == "k":
            value = kernel_of(ref.suffix)
        elif param.name in settings:
            value = evaluator.evaluate(*settings[param.name])
        elif param.default is not None:
            value = evaluator.evaluate(param.default, inner)
        else:
            raise evaluator.problem("E0303", node, env, name=param.name, layer=decl.name, doc="it has no default")
        inner.names[param.name] = value
        values.append(value)
    return values
