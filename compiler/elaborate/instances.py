"""Block instances that all compilations of one tree share.

A search over build parameters changes a few blocks from one candidate to the next. An instance is found again by what
its body can read: its declaration, the file's names that occur in it, its arguments, and its input's shape.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

from .. import syntax as ast
from ..ir import Region
from ..ops import Op
from ..ops.composite import Composite
from ..symbolic import Sym
from .build import Frame
from .names import EXTENTS, split_suffix
from .plans import Plans
from .scope import ABSENT, BlockDecl, Combinator, Ref

MOST_INSTANCES = 2_000
"""Instances kept, each some tens of kilobytes; then all are forgotten."""

MOST_KEYS = 20_000
"""Keys that are known to have been there."""


class Instance(NamedTuple):
    """A finished block instance that reads nothing of what it stands in. The fields after `layers` are kept between
    networks only: what counts as used wherever the instance is.
    """

    region: Region
    layers: int
    blocks: frozenset[int] = frozenset()
    """Declarations that were used in it."""
    names: frozenset[str] = frozenset()
    """Names of the block's file that were read."""
    inner: Mapping[int, "Instance"] = {}
    """The instances in it that are kept too, by key."""


class Record:
    """What is used while a block's body is built."""

    def __init__(self) -> None:
        self.blocks: set[int] = set()
        self.inner: dict[int, Instance] = {}

    def use(self, key: int, instance: Instance) -> None:
        """An instance that is there already, and what was used in it."""
        self.blocks |= instance.blocks
        self.inner |= instance.inner
        if key < 0:
            self.inner[key] = instance


class Instances:
    """The instances known so far, by their keys: numbers below 0 for what tells an instance.

    What tells one holds identities of nodes of the tree, which its owner keeps.
    """

    def __init__(self) -> None:
        self.known: dict[int, Instance] = {}
        self._keys: dict[Any, int] = {}
        self._next = count(-1, -1)
        self._met: set[int] = set()
        self._names: dict[Any, frozenset[str]] = {}

    def add(self, key: int, instance: Instance) -> None:
        """Keep an instance that is met for the second time; most of a wide search never are, and would be a burden.

        Those in it are kept with it, so that they are the same objects wherever they are used again.
        """
        if key not in self._met:
            self._met.add(key)
            return
        if len(self.known) >= MOST_INSTANCES:
            self.known.clear()
        for inner, found in instance.inner.items():
            self.known.setdefault(inner, found)
        self.known[key] = instance

    def key(self, decl: BlockDecl, shape: Any, values: list[Any]) -> int | None:
        """The key of an instance; None where an argument or a name that it reads belongs to one network alone."""
        closure, given = self.closure(decl, ()), self.meaning(tuple(values), ())
        if closure is None or given is None:
            return None
        what = (closure, shape, type(shape), given)
        key = self._keys.get(what)
        if key is None:
            if len(self._keys) >= MOST_KEYS:
                for table in (self._keys, self._met, self.known):
                    table.clear()
            key = self._keys[what] = next(self._next)
        return key

    def closure(self, decl: BlockDecl, trail: tuple[int, ...]) -> Any:
        """The declaration, and the meaning of every name of its file that occurs in it or in its `set` defaults."""
        own = id(decl.node)
        if own in trail:
            return ("again", own)
        bound = decl.env.names
        found: list[tuple[str, Any]] = []
        for name in self.names(decl):
            if name in EXTENTS and decl.settings.table and decl.env.scope.input is not None:
                found.append((name, decl.env.scope.input.shape))  # in a `set` line it is the file's input
            elif name in bound:
                meaning = self.meaning(bound[name], (*trail, own))
                if meaning is None:
                    return None
                found.append((name, meaning))
        return own, decl.settings.key, tuple(sorted(found, key=lambda one: one[0]))

    def meaning(self, value: Any, trail: tuple[int, ...]) -> Any:
        """Equal for values that mean the same in every network; None where that cannot be known."""
        if isinstance(value, (bool, int, float, str, Sym)):
            return type(value), value
        if isinstance(value, tuple):
            parts = tuple([self.meaning(part, trail) for part in value])
            return None if None in parts else parts
        if value is ABSENT:
            return ("absent",)
        if not isinstance(value, Ref):
            return None
        if isinstance(value.target, BlockDecl):
            closure = self.closure(value.target, trail)
            return None if closure is None else ("block", value.name, closure)
        return (value.name, id(value.target)) if isinstance(value.target, (Op, Composite, Combinator)) else None

    def names(self, decl: BlockDecl) -> frozenset[str]:
        """Every name in a declaration and in its `set` defaults, also without what may be a kernel suffix."""
        key = (id(decl.node), decl.settings.key)
        if key not in self._names:
            expressions = [e for given in decl.settings.table.values() for e in given.values()]
            written = ast.names((decl.node, *expressions))
            self._names[key] = written | {split_suffix(name)[0] for name in written}
        return self._names[key]


class Shared:
    """What compilations of one tree have in common."""

    def __init__(self) -> None:
        self.plans = Plans()
        self.instances = Instances()


def detach(frame: Frame) -> None:
    """Let go of the network that an instance was built in."""
    frame.parent = frame.call = None
    for held in (frame.imports, frame.exports, frame.arguments):
        held.clear()
    frame.captured = []
