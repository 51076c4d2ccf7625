"""Mutants of the rules of shape, work and memory: which places of the code are changed, and how a changed module runs.

The changes are cosmic-ray's. A mutant is never written to a file: a process that has not imported cnnc yet imports it
with the changed text of one module.
"""

import ast
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DATA = ("__init__", "base", "entry", "formula", "initial", "kinds", "taps", "reparam")
"""Files of compiler/ops without rules of a layer."""
OTHER_RULES = ("saves", "_lines", "_text", "_macs", "backward", "window", "asked", "_resize")
"""Parts of the names of functions that say something else: what training keeps, formulas as text, receptive fields."""
KEYWORDS = ("shape", "work", "weights", "buffers", "biases", "resolve")
"""Arguments of an op's entry that may hold a rule."""
OPERATORS = (
    *(f"ReplaceBinaryOperator_{pair}" for pair in (
        "Add_Sub", "Sub_Add", "Mul_Add", "Mul_FloorDiv", "Div_Mul", "FloorDiv_Mul", "FloorDiv_Add", "Mod_FloorDiv",
        "Pow_Mul", "BitOr_BitAnd",
    )),
    *(f"ReplaceComparisonOperator_{pair}" for pair in (
        "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
        "Is_IsNot", "IsNot_Is",
    )),
    "ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "ReplaceAndWithOr", "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "AddNot", "NumberReplacer", "ZeroIterationForLoop",
    "ReplaceContinueWithBreak",
)  # fmt: skip
"""One or two changes of each kind of operator; all pairs would only repeat the same question."""


class Place(NamedTuple):
    """Where one change can be made: the so-many-th occurrence of what an operator changes."""

    file: str
    operator: str
    occurrence: int


class Mutant(NamedTuple):
    """One change, known by its line before and after, so that lines above it may move."""

    file: str
    line: int
    before: str
    after: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.before, self.after


def module_of(file: str) -> str:
    return f"cnnc.{file.removesuffix('.py').replace('/', '.')}"


def targets() -> list[str]:
    """The files with rules."""
    ops = sorted(path for path in (ROOT / "compiler/ops").glob("*.py") if path.stem not in DATA)
    return [str(path.relative_to(ROOT)) for path in ops] + ["compiler/cost.py", "compiler/memory.py"]


def places(file: str) -> list[Place]:
    """All places of a file's rules, but for what refusals say."""
    import cosmic_ray.plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    source = (ROOT / file).read_text(encoding="utf-8")
    rules, said, nodes = list(_rules(source, file)), list(_said(source)), list(ast_nodes(get_ast(source)))
    found = []
    for name in OPERATORS:
        operator = cosmic_ray.plugins.get_operator(f"core/{name}")()
        positions = (start for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, start in enumerate(positions):
            if any(first <= start < last for first, last in rules) and not any(a <= start < b for a, b in said):
                found.append(Place(file, name, occurrence))
    return found


def mutated(place: Place) -> tuple[Mutant, str]:
    """The change made at a place, and the whole text with it."""
    import cosmic_ray.plugins
    from cosmic_ray.mutating import mutate_code

    source = (ROOT / place.file).read_text(encoding="utf-8")
    operator = cosmic_ray.plugins.get_operator(f"core/{place.operator}")()
    text: str | None = mutate_code(source, operator, place.occurrence)
    assert text is not None
    pairs = enumerate(zip(source.splitlines(), text.splitlines(), strict=True), 1)
    line, before, after = next(((n, a, b) for n, (a, b) in pairs if a != b), (0, "", ""))
    return Mutant(place.file, line, " ".join(before.split()), " ".join(after.split())), text


def _rules(source: str, file: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where rules stand: the bodies of functions after their docstring, and rules in an op's entry."""
    of_ops = "ops/" in file
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and not (of_ops and any(word in node.name for word in OTHER_RULES)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                yield (body[0].lineno, body[0].col_offset), _end(body[-1])
        if of_ops and isinstance(node, ast.keyword) and node.arg in KEYWORDS and not isinstance(node.value, ast.Name):
            yield (node.value.lineno, node.value.col_offset), _end(node.value)


def _said(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where a refusal says its facts, which change no figure (tests/errors shows them), and where code is asserted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Raise, ast.Assert)) or (isinstance(node, ast.keyword) and node.arg == "strict"):
            yield (node.lineno, node.col_offset), _end(node)


def _end(node: Any) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset


# Running a mutant


CODES: dict[str, Any] = {}
"""Compiled modules by their path: all but one are the same for every mutant."""


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> Any:
        if self.path not in CODES:
            CODES[self.path] = super().get_code(fullname)
        return CODES[self.path]


class _Changed(importlib.machinery.SourceFileLoader):
    text = ""

    def get_code(self, fullname: str) -> Any:
        return compile(self.text, self.path, "exec")


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of cnnc, one of them with a text other than its file's."""

    def __init__(self, module: str, text: str) -> None:
        self.module, self.text = module, text

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> Any:
        top, *rest = fullname.split(".")
        if top != "cnnc":
            return None
        folder = ROOT.joinpath(*rest)
        file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        if not file.is_file():
            return None
        loader = _Changed(fullname, str(file)) if fullname == self.module else _Loader(fullname, str(file))
        if isinstance(loader, _Changed):
            loader.text = self.text
        inside = [str(folder)] if folder.is_dir() else None
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=inside)


def forget(*names: str) -> None:
    """Take modules out of memory, with what is inside them, so that they are imported anew."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("cnnc", *names):
            del sys.modules[name]
