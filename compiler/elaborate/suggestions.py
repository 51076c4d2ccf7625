"""What to say of a name that stands for nothing: the one that was probably meant, or where it is to be found."""

import re

from .. import syntax as ast
from ..diagnostics import show, similar
from ..ops import NAMES
from ..ops.composite import COMPOSITES
from ..source import Source
from . import arithmetic
from .foreign import layer_here
from .modules import prelude_names
from .names import COMBINATORS, CONVERTIBLE, EXTENTS, split_suffix
from .scope import Env

OTHER_WORDS = {
    "true": "did you mean `true`?",
    "false": "did you mean `false`?",
    "none": "leave the argument out",
    "null": "leave the argument out",
    "nan": "every number is finite; `cnnc layers` shows what an argument accepts",
    "inf": "every number is finite; `cnnc layers` shows what an argument accepts",
    "infinity": "every number is finite; `cnnc layers` shows what an argument accepts",
}
"""Words of other languages, in small letters, and the way out."""


LABEL = re.compile(r"\bas\s+([A-Za-z_]\w*)", re.ASCII)


def suggestion(name: str, env: Env, tree: ast.File, source: Source) -> str:
    """The way out for an unknown name in an environment; `tree` and `source` are the program's."""
    if name.lower() in OTHER_WORDS:
        return OTHER_WORDS[name.lower()]
    stem, suffix = split_suffix(name)
    if suffix is not None and stem in CONVERTIBLE and env.find(stem) is not None:
        return f"`{stem}` is declared in this program, and hides the layer of that name: rename it"
    later = declared_later(name, tree, source)
    if later:
        return later
    names = {*NAMES, *COMPOSITES, *COMBINATORS, *arithmetic.FUNCTIONS, *EXTENTS} | prelude_names()
    scope: Env | None = env
    while scope is not None:
        names.update(scope.names, scope.scope.taps)
        scope = scope.parent
    here = layer_here(name) if name.lower() not in names else ""
    if here:
        return here
    close = closest(name, names)
    if close:
        return f"did you mean `{show(close)}`?"
    return "`cnnc layers` lists the layers; a block is declared with `block NAME(…) = …`"


def declared_later(name: str, tree: ast.File, source: Source) -> str:
    """What is said of a name that the program declares, but where it cannot be read yet, or not from here."""
    for item in tree.items:
        if isinstance(item, ast.Binding) and item.define.name.id == name:
            return f"`{show(name)}` is named at {_place(source, item.pos[0])}: a value is named before it is read"
        if isinstance(item, ast.Net) and any(param.name == name for param in item.params):
            return "the default of a build parameter reads those before it"
    label = next((found for found in LABEL.finditer(source.text) if found[1] == name), None)
    if label:
        at = _place(source, label.start(1))
        return f"the label at {at} can be read once it is set, and within its own block"
    return ""


def _place(source: Source, offset: int) -> str:
    line, column = source.position(offset)
    return f"{show(source.name)}:{line}:{column}"


def closest(name: str, names: set[str]) -> str | None:
    """The name that was probably meant, its kernel suffix kept."""
    stem, suffix = split_suffix(name)
    for candidate in (name, stem):
        low = candidate.lower()
        close = [low] if low in names and low != candidate else []
        close = close or similar(candidate, sorted(names), 0.7 if len(candidate) > 3 else 0.8)
        if close:
            keep = suffix is not None and split_suffix(close[0])[1] is None and close[0] in CONVERTIBLE
            return close[0] + name[len(stem) :] if keep else close[0]
    return None
