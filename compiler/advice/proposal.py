"""What a rule proposes: edits of the text, why, and how weights are carried over where the function stays the same."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import syntax as ast
from .edits import Edit
from .flat import Flat

Arrays = dict[str, Any]
"""NumPy arrays by name, of which rules that are only read need not know."""


class Carried(NamedTuple):
    """Weights of the original network, and those of the rewritten one under construction.

    layers: the numbers of the original layers that come from each place of the text. new: the name that an original
    layer has in the rewritten network.
    """

    flat: Flat
    layers: Callable[[ast.Pos], list[int]]
    new: dict[int, str]
    old: Arrays
    arrays: Arrays

    def of(self, number: int, name: str) -> Any:
        """A tensor of an original layer; None where it has none of that name."""
        return self.old.get(f"{self.flat.places[number].path}.{name}")

    def put(self, number: int, name: str, array: Any) -> None:
        """A tensor of the layer that an original one has become."""
        self.arrays[f"{self.new[number]}.{name}"] = array


Fix = Callable[[Carried], None]


class Proposal(NamedTuple):
    """A rewrite. `exact`: the function stays the same, with the weights that `fix` makes of the original ones."""

    rule: str
    title: str
    why: str
    pos: ast.Pos
    edits: tuple[Edit, ...]
    exact: bool = False
    fix: Fix | None = None


def together(proposals: list[Proposal]) -> Proposal:
    """Several proposals of one rule as one. Their edits must not overlap."""
    first = proposals[0]
    if len(proposals) == 1:
        return first
    fixes = [p.fix for p in proposals if p.fix is not None]

    def fix(carried: Carried) -> None:
        for one in fixes:
            one(carried)

    edits = tuple(edit for p in proposals for edit in p.edits)
    return first._replace(title=f"{first.title}, in {len(proposals)} places", edits=edits, fix=fix)
