"""Arguments of a use to parameters of a declaration: by position, by name, from `set`, from defaults."""

from typing import Any

from .. import syntax as ast
from ..diagnostics import Label, Reject, show, similar
from ..ir import Value
from ..ops import Op
from ..ops.composite import Composite
from ..ops.entry import Entry as Named
from ..ops.kinds import REQUIRED, Kind
from .evaluate import Evaluator
from .plans import OPEN, Hole, Plan, constant, literals
from .scope import UNKNOWN, BlockDecl, Env, Problem, Ref, Settings

Entry = Op[Any] | Composite | Named


class Given:
    """The arguments of one use, told apart by name; each keeps the node that it was written as."""

    def __init__(
        self, evaluator: Evaluator, ref: Ref, names: list[str], suffix_name: str | None, node: Any, env: Env
    ) -> None:
        self.node, self.env = node, env
        self.by_name: dict[str, ast.Argument] = {}
        see = where_to_look(ref)
        args = node.args if isinstance(node, ast.Call) else ()
        positional = [name for name in names if ref.suffix is None or name != suffix_name]
        for index, argument in enumerate(args):
            name = argument.name
            if name is None and any(a.name is not None for a in args[:index]):
                raise evaluator.problem("E0336", argument, env)
            if name is None:
                if index >= len(positional):
                    raise evaluator.problem("E0307", argument, env, layer=ref.name, most=len(positional), see=see)
                name = positional[index]
            elif name not in names:
                facts = {"name": name, "layer": ref.name, "see": suggest(name, names, ref.name)}
                raise evaluator.problem("E0302", argument, env, **facts)
            if name in self.by_name and names.count(name) > 1:
                continue  # the declaration has it twice, which is the mistake
            if name in self.by_name or (ref.suffix is not None and name == suffix_name):
                raise self.given_twice(ref, name, argument)
            self.by_name[name] = argument

    def given_twice(self, ref: Ref, name: str, argument: ast.Argument) -> Problem:
        """The mistake, with a label on the first of the two, which may be the kernel suffix."""
        first = self.by_name.get(name)
        label = Label(self.env.span(first or self.node.func), "given here before" if first else "the suffix gives it")
        return Problem("E0306", self.env.span(argument), labels=(label,), name=name, layer=ref.name)


def where_to_look(ref: Ref) -> str:
    """Where a reader finds the signature of what was used."""
    if isinstance(ref.target, BlockDecl):
        return f"it is declared at {ref.target.env.span(ref.target.node)}"
    if isinstance(ref.target, Named):
        return f"`{ref.name}` takes {', '.join(ref.target.params) or 'no arguments'}"
    return f"`cnnc layers {ref.target.name}` shows its signature"


def suggest(name: str, names: list[str], layer: str) -> str:
    """A way out for an unknown argument."""
    from .foreign import argument_here  # only mistakes need it

    here = argument_here(name, names)
    if here:
        return here
    close = similar(name, names, 0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"`{layer}` takes {show(', '.join(names))}" if names else f"`{layer}` takes no arguments"


def kernel_of(suffix: tuple[int, ...]) -> Any:
    """A kernel suffix as an argument value: `3` stands for all axes, `3x3` for exactly two."""
    return suffix[0] if len(suffix) == 1 else suffix


def bind_op(evaluator: Evaluator, ref: Ref, node: Any, env: Env, rank: int | None) -> Any:
    """The signature value of a use of an op, or UNKNOWN. With `rank` None the arguments are checked as far as possible.

    Raises Problem for unknown, missing, surplus, duplicate and ill-typed arguments.
    """
    entry = ref.target
    assert isinstance(entry, (Op, Composite, Named))
    plan = _plan_of(evaluator, ref, entry, node, env, rank)
    if plan.signature is not None:
        return plan.signature
    values = plan.values.copy()
    unknown = rank is None
    for hole in plan.holes:
        raw = _raw_value(evaluator, ref, hole, node, env)
        if raw is UNKNOWN or (isinstance(raw, Value) and raw.shape is None):
            unknown = True
            continue
        try:
            values[hole.place] = _read(raw, hole.kind, rank)
        except Reject as reject:
            facts = {"name": hole.name, "layer": ref.name, "see": hole.kind.way or where_to_look(ref), **reject.facts}
            span = env.file.span(hole.setting) if hole.setting is not None else env.span(hole.argument or node)
            raise Problem(reject.code, span, **facts) from None
    return UNKNOWN if unknown else entry.signature(*values)


def _plan_of(evaluator: Evaluator, ref: Ref, entry: Entry, node: Any, env: Env, rank: int | None) -> Plan:
    """The plan of a use, made at the first one at this place."""
    settings = env.scope.settings
    rest = (id(entry), ref.suffix, rank, settings.key)
    key = (id(node) if isinstance(node, ast.Call) else None, *rest)
    plan = evaluator.plans.found.get(key)
    if plan is not None:
        return plan
    written = literals(node)
    plan = None if written is None else evaluator.plans.found.get((written, *rest))
    if plan is not None:
        if env.parent is not None:  # a block's body is read again; what stands at file level need not take memory
            evaluator.plans.keep(key, node, plan)
        return plan
    if ref.suffix is not None and entry.suffix is None:
        raise evaluator.problem("E0321", node, env, layer=entry.name)
    given = Given(evaluator, ref, list(entry.params), entry.suffix, node, env)
    values: list[Any] = []
    holes: list[Hole] = []
    for index, (name, kind) in enumerate(entry.params.items()):
        argument, setting, raw = _source(ref, entry, given, settings, name)
        value = OPEN if raw is OPEN or raw is REQUIRED else _fixed(raw, kind, rank)
        if value is OPEN:
            holes.append(Hole(index, name, kind, argument, setting, raw))
        values.append(value)
    whole = None if holes or rank is None else entry.signature(*values)
    plan = Plan(values, holes, whole)
    if not isinstance(entry, Named):  # those are chosen once in a program
        evaluator.plans.keep(key, node, plan)
        if whole is not None and written is not None:
            evaluator.plans.found[written, *rest] = plan
    return plan


def _source(
    ref: Ref, entry: Entry, given: Given, settings: Settings, name: str
) -> tuple[ast.Argument | None, ast.Expr | None, Any]:
    """Where a parameter's value comes from: argument, suffix, `set`, default, in this order. OPEN if not a constant."""
    if name in given.by_name:
        argument = given.by_name[name]
        return argument, None, constant(argument.value)
    if ref.suffix is not None and name == entry.suffix:
        return None, None, kernel_of(ref.suffix)
    for layer in (entry.name, entry.family):
        setting = settings.of(layer).get(name)
        if setting is not None:
            return None, setting, constant(setting)
    return None, None, entry.params[name].default


def _fixed(raw: Any, kind: Kind, rank: int | None) -> Any:
    """A constant as its kind reads it; OPEN where the kind refuses it, which is said at each use."""
    try:
        return _read(raw, kind, rank)
    except Reject:
        return OPEN


def _read(raw: Any, kind: Kind, rank: int | None) -> Any:
    """A value checked by its kind. Without a rank one is assumed that fits, so that other mistakes are found."""
    if isinstance(raw, Ref) and kind.words:
        raw = raw.name  # a word that is also a layer's name, such as `bilinear`
    if rank is None:
        rank = len(raw) if isinstance(raw, tuple) else 1
    return kind.read(raw, rank)


def _raw_value(evaluator: Evaluator, ref: Ref, hole: Hole, node: Any, env: Env) -> Any:
    """The value of a parameter that is not fixed."""
    if hole.argument is not None:
        return _argument_value(evaluator, hole.argument, hole.kind, hole.name, ref, env)
    if hole.setting is not None:
        return evaluator.evaluate(hole.setting, env.file)
    if hole.raw is REQUIRED:
        facts = {"name": hole.name, "layer": ref.name, "doc": hole.kind.doc, "see": where_to_look(ref)}
        raise evaluator.problem("E0303", node, env, **facts)
    return hole.raw


def _argument_value(evaluator: Evaluator, argument: ast.Argument, kind: Kind, name: str, ref: Ref, env: Env) -> Any:
    """The value of an argument; an unknown name where words are expected is a misspelt word."""
    try:
        return evaluator.evaluate(argument.value, env)
    except Problem as problem:
        if problem.code != "E0301" or not kind.words or not isinstance(argument.value, ast.Name):
            raise
        if argument.value.id in kind.words:
            return argument.value.id  # a word with a meaning here alone
        close = similar(argument.value.id, kind.words, 0.5)
        way = f"did you mean `{close[0]}`?" if close else where_to_look(ref)
        got = f"the unknown word `{argument.value.id}`"
        facts: dict[str, Any] = {"name": name, "layer": ref.name, "expected": kind.type_name, "see": way, "got": got}
        raise Problem("E0304", problem.span, **facts) from None


def bind_block(evaluator: Evaluator, ref: Ref, node: Any, env: Env, inner: Env) -> list[Any]:
    """Bind a block's parameters in `inner`, defaults reading earlier ones; returns the values in order."""
    decl = ref.target
    assert isinstance(decl, BlockDecl)
    names = [param.name for param in decl.node.params]
    if ref.suffix is not None and "k" not in names:
        raise evaluator.problem("E0321", node, env, layer=decl.name)
    given = Given(evaluator, ref, names, "k", node, env)
    twice = len({*names}) < len(names)
    settings = env.scope.settings.of(decl.name)
    values = []
    for param in decl.node.params:
        if param.name in given.by_name:
            value = evaluator.evaluate(given.by_name[param.name].value, env)
        elif ref.suffix is not None and param.name == "k":
            value = kernel_of(ref.suffix)
        elif param.name in settings:
            value = evaluator.evaluate(settings[param.name], env.file)
        elif param.default is not None:
            value = evaluator.evaluate(param.default, inner)
        else:
            facts = {"name": param.name, "layer": decl.name, "doc": "it has no default", "see": where_to_look(ref)}
            raise evaluator.problem("E0303", node, env, **facts)
        if twice and names.count(param.name) > 1:  # which of the two is meant is unknown
            value = UNKNOWN
        inner.names[param.name] = value
        values.append(value)
    return values
