"""Pairs the layers of a network with those of a state_dict that has other names, by the scopes that both have.

Both sides are trees of scopes, whose leaves are layers with the shapes of their tensors. From the roots down, scopes
that hold the same layers are paired; a scope that the other side lacks is opened. Where several fit, names have to say
which is which, or what stands beside a layer; otherwise they stay unsettled. See `Matcher.pair`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .flow import Flow
from .foreign import Leaf

RULES = ("name", "shape", "neighbours", "numbers", "order")
"""By what a pair was found, the surest first: names are equal; nothing else has these shapes; the layer beside it was
found; numbers in names of layers that follow one another; the order of the file."""

SHORTCUTS = frozenset({"downsample", "shortcut", "skip", "proj", "projection", "skip_proj", "shortcut_conv", "short"})
"""Names of scopes with the projection of a skip connection."""
MIRRORED = re.compile(r"(?<![a-z])(up|dec)|\dd(?![a-z])|(?<![a-z])de(?![a-z])", re.IGNORECASE)
"""Names of the parts of decoders, which may be counted downwards."""
SCOPE = 200
"""Parts of a scope up to which they are searched for what lies aside."""


class Node:
    """A scope or, with a leaf, a layer. `name` is its path from the scope around it that has several parts."""

    __slots__ = ("bits", "children", "content", "leaf", "name", "place")

    def __init__(self, name: str, children: "list[Node]", leaf: Leaf | None) -> None:
        self.name, self.children, self.leaf = name, children, leaf
        self.content = 0
        self.bits = 0
        self.place: Any = 0

    def leaves(self) -> "list[Node]":
        return [self] if self.leaf else [leaf for child in self.children for leaf in child.leaves()]


class Unsettled(NamedTuple):
    """Parts of both sides that fit one another in several ways."""

    ours: list[Node]
    theirs: list[Node]
    rule: int = 0
    turned: bool = False
    """Whether they fit, but may run in the other order."""


class Matcher:
    """A run of the algorithm; `pairs` has theirs and the rule for the path of each of our layers that is settled."""

    def __init__(self, ours: list[Leaf], theirs: list[Leaf], flow: Flow, order: "Callable[[Leaf], Any] | None") -> None:
        """order: a key for their layers, where the order may decide what names leave open."""
        self.flow, self.order = flow, order
        self.pairs: dict[str, tuple[Leaf, int]] = {}
        self.partner: dict[str, str] = {}
        self.unsettled: list[Unsettled] = []
        self._contents: dict[Any, int] = {}
        self._listed = in_order_of_registration(theirs)
        self._position = {leaf.path: i for i, leaf in enumerate(theirs)}
        self._siblings = _siblings(theirs)
        self._beside_ours = flow.beside()
        self.roots = self._tree(ours, lambda leaf: flow.bits[leaf.path]), self._tree(theirs, order)

    def run(self) -> None:
        """Settle what can be settled; both sides must have the same layers by their forms."""
        self._pair_all([self.roots[0]], [self.roots[1]], 0)
        while self._by_neighbours() or self._by_order():
            pass
        if not self.order:
            self.unsettled += self._turned_round()

    def pair(self, ours: list[Node], theirs: list[Node], rule: int) -> None:
        """Pair parts of two scopes that hold the same layers.

        A part that the other side lacks is opened, larger ones first, until both have the same parts. Of those that
        are alike names decide; see `_settle`.
        """
        if self._fix_all(ours, theirs, rule):
            return
        ours, theirs = [*ours], [*theirs]
        self._fix_shortcut(ours, theirs, rule)
        self._fix_named(ours, theirs, rule)
        while (content := self._odd_one(ours, theirs)) is not None:
            ours, theirs = _opened(ours, content), _opened(theirs, content)
            self._fix_named(ours, theirs, rule)
        for content in dict.fromkeys(node.content for node in ours):
            alike = [node for node in ours if node.content == content], [n for n in theirs if n.content == content]
            assert len(alike[0]) == len(alike[1]), "the two sides hold different layers"
            self._settle(*alike, rule)

    def _fix_all(self, ours: list[Node], theirs: list[Node], rule: int) -> bool:
        """Pair all layers of two scopes whose paths there are the same on both sides."""
        names = [{name: leaf for node in side for name, leaf in _inside(node)} for side in (ours, theirs)]
        forms = [{name: leaf.content for name, leaf in side.items()} for side in names]
        if len(names[0]) < 2 or forms[0] != forms[1]:
            return False
        self._pair_all([names[0][name] for name in names[0]], [names[1][name] for name in names[0]], rule)
        return True

    def _fix_named(self, ours: list[Node], theirs: list[Node], rule: int) -> None:
        """Pair off scopes with the same content and the same name, one without numbers."""
        keys = Counter((known_as(node), node.content) for side in (ours, theirs) for node in side)
        names = {(known_as(node), node.content): node for node in theirs if not re.search(r"\d|^$", known_as(node))}
        for node in [*ours]:
            key = (known_as(node), node.content)
            other = names.get(key)
            if other is not None and keys[key] == 2:
                ours.remove(node)
                theirs.remove(other)
                self._pair_all([node], [other], rule)

    def _fix_shortcut(self, ours: list[Node], theirs: list[Node], rule: int) -> None:
        """Pair off what they call the projection of a skip connection with layers of ours that nothing else in the
        scope sees, and that see nothing else in it, where these alone hold the same and are fewer than the rest."""
        named = [node for node in theirs if node.name.lower() in SHORTCUTS]
        if len(named) != 1 or len(ours) > SCOPE:
            return
        aside = [
            part
            for part in self._separate(ours)
            if _content([leaf for n in part for leaf in n.leaves()]) == _content(named[0].leaves())
        ]
        if len(aside) == 1 and 2 * len(aside[0]) < len(ours):
            theirs.remove(named[0])
            for node in aside[0]:
                ours.remove(node)
            self.pair(aside[0], [named[0]], max(rule, RULES.index("neighbours")))

    def _separate(self, nodes: list[Node]) -> list[list[Node]]:
        """The parts of a scope in groups, between which nothing flows."""
        groups: list[list[Node]] = []
        for node in nodes:
            linked = [group for group in groups if any(self.flow.linked(node.bits, other.bits) for other in group)]
            groups = [group for group in groups if all(group is not other for other in linked)]
            groups.append([*(other for group in linked for other in group), node])
        return groups

    def _odd_one(self, ours: list[Node], theirs: list[Node]) -> int | None:
        """The content of the largest scopes that one side has more often than the other; None if there are none."""
        counts = Counter(node.content for node in ours)
        counts.subtract(node.content for node in theirs)
        odd = [node for node in (*ours, *theirs) if counts[node.content] and not node.leaf]
        return max(odd, key=lambda node: len(node.leaves())).content if odd else None

    def _settle(self, ours: list[Node], theirs: list[Node], rule: int) -> None:
        """Pair parts that are alike: the only ones; by their names; or by numbers in these, where ours run in turn."""
        ours = sorted(ours, key=lambda node: node.bits & -node.bits)
        if len(ours) == 1:
            same = known_as(ours[0]) == known_as(theirs[0])
            return self._pair_all(ours, theirs, max(rule, RULES.index("name" if same else "shape")))
        ordered = self._by_name(ours, theirs)
        if ordered is not None:
            return self._pair_all(ours, ordered, max(rule, RULES.index("name")))
        ordered = self._by_number(ours, theirs)
        if ordered is not None:
            return self._pair_all(ours, ordered, max(rule, RULES.index("numbers")))
        self.unsettled.append(Unsettled(ours, theirs, rule))
        return None

    def _by_name(self, ours: list[Node], theirs: list[Node]) -> list[Node] | None:
        """Their parts in our order where both sides have the same names. Names that differ by numbers alone, which
        say no more than what was written first, count only for layers that follow one another."""
        names = {known_as(node): node for node in theirs}
        if len(names) < len(theirs) or {known_as(node) for node in ours} != names.keys():
            return None
        alike: dict[Any, list[Node]] = {}
        for node in ours:
            alike.setdefault(numbered(known_as(node))[0], []).append(node)
        for members in alike.values():
            numbers = [numbered(known_as(node))[1] for node in members]
            if numbers != sorted(numbers) or not self.flow.sequential([node.bits for node in members]):
                return None
        return [names[known_as(node)] for node in ours]

    def _by_number(self, ours: list[Node], theirs: list[Node]) -> list[Node] | None:
        """Their parts by number where their names differ by numbers alone, and ours follow one another."""
        if len({numbered(known_as(node))[0] for node in theirs}) > 1:
            return None
        if not self.flow.sequential([node.bits for node in ours]):
            return None
        own = [numbered(known_as(node)) for node in ours]
        if len({template for template, _ in own}) == 1 and [n for _, n in own] != sorted(n for _, n in own):
            return None
        ordered = sorted(theirs, key=lambda node: numbered(known_as(node))[1])
        places = [min(self._position[leaf.leaf.path] for leaf in node.leaves() if leaf.leaf) for node in ordered]
        downwards = self._listed and places == sorted(places, reverse=True)
        return None if downwards or MIRRORED.search(known_as(theirs[0])) else ordered

    def _by_neighbours(self) -> bool:
        """Settle layers that share a scope with one other, which is settled: they stand beside its partner with us."""
        changed = False
        for unsettled in [*self.unsettled]:
            settled = self._beside(unsettled)
            if not settled:
                continue
            changed = True
            self.unsettled.remove(unsettled)
            for ours, theirs in settled:
                self._pair_all([ours], [theirs], max(unsettled.rule, RULES.index("neighbours")))
            rest = [node for node in unsettled.ours if all(node is not pair[0] for pair in settled)]
            others = [node for node in unsettled.theirs if all(node is not pair[1] for pair in settled)]
            if rest:
                self._settle(rest, others, max(unsettled.rule, RULES.index("neighbours")))
        return changed

    def _by_order(self) -> bool:
        """Settle one group by the order of the file, if that is allowed to decide; what is in larger scopes first."""
        if not self.order or not self.unsettled:
            return False
        group = max(self.unsettled, key=lambda group: len(group.ours[0].leaves()))
        self.unsettled.remove(group)
        self._pair_all(group.ours, sorted(group.theirs, key=lambda node: node.place), RULES.index("order"))
        return True

    def _beside(self, unsettled: Unsettled) -> list[tuple[Node, Node]]:
        found: list[tuple[Node, Node]] = []
        places = {node.bits: node for node in unsettled.ours if node.leaf}
        for theirs in unsettled.theirs:
            beside = theirs.leaf and self._siblings.get(theirs.leaf.path)
            partner = self.partner.get(beside) if beside else None
            if partner is None:
                continue
            near = [places[bit] for bit in self._beside_ours[self.flow.bits[partner]] if bit in places]
            if len(near) == 1:
                found.append((near[0], theirs))
        counts = Counter(id(ours) for ours, _ in found)
        return [pair for pair in found if counts[id(pair[0])] == 1]

    def _turned_round(self) -> list[Unsettled]:
        """Pairs of a norm and a layer beside it that may run in the other order with them.

        A scope with a convolution and the norm behind it looks like one with the norm before it. Numbers, or the order
        in which a file lists the two, tell; else it is open where one more norm stands before all or behind all.
        """
        ours = {path: bit for path, bit in self.flow.bits.items() if path in self.pairs}
        paths = {bit: path for path, bit in ours.items()}
        alone = {bit for path, bit in ours.items() if self.pairs[path][0].path not in self._siblings}
        found = []
        for path, bit in ours.items():
            leaf = self.pairs[path][0]
            other = self.partner.get(self._siblings.get(leaf.path, ""))
            if not is_norm(leaf) or other is None or is_norm(self.pairs[other][0]):
                continue
            if bit not in self._beside_ours[ours[other]]:
                continue
            behind = self.flow.seen[bit].direct == ours[other]
            first, last = (self.pairs[other][0], leaf) if behind else (leaf, self.pairs[other][0])
            told = self._in_turn(first.path, last.path)
            before = self.flow.seen[ours[other]].direct
            after = [b for b in self._beside_ours[ours[other]] if self.flow.seen[b].direct == ours[other]]
            spare = [
                b for b in ([before] if behind else after) if b in alone and self.pairs[paths[b]][0].form == leaf.form
            ]
            if told is False or (told is None and spare):
                own = [Node(p, [], self.pairs[p][0]._replace(path=p)) for p in (path, other)]
                given = [Node("", [], self.pairs[p][0]) for p in (path, other)]
                found.append(Unsettled(own, given, turned=True))
        return found

    def _in_turn(self, first: str, last: str) -> bool | None:
        """Whether of two of their layers the first comes first; None if nothing tells."""
        names = next(pair for pair in zip(first.split("."), last.split("."), strict=False) if pair[0] != pair[1])
        if all(name.isdigit() for name in names):
            return int(names[0]) < int(names[1])
        return self._position[first] < self._position[last] if self._listed else None

    def _pair_all(self, ours: Sequence[Node], theirs: Sequence[Node], rule: int) -> None:
        for one, other in zip(ours, theirs, strict=True):
            if one.leaf and other.leaf:
                self.pairs[one.leaf.path] = other.leaf, rule
                self.partner[other.leaf.path] = one.leaf.path
            else:
                self.pair(one.children or [one], other.children or [other], rule)

    def _tree(self, layers: Iterable[Leaf], place: "Callable[[Leaf], Any] | None") -> Node:
        """The tree of paths, from which scopes with a single part are left out."""
        top: dict[Any, Any] = {}
        for leaf in layers:
            scope = top
            for name in leaf.path.split("."):
                scope = scope.setdefault(name, {})
            scope[None] = leaf
        return self._node("", top, place)

    def _node(self, name: str, scope: Any, place: "Callable[[Leaf], Any] | None") -> Node:
        while isinstance(scope, dict) and len(scope) == 1:
            [(inner, scope)] = scope.items()
            if isinstance(scope, Leaf) or not (name and inner.isdigit()):  # the number of a single part says nothing
                name = joined(name, inner or "")
        if isinstance(scope, Leaf):
            node = Node(name, [], scope)
            node.content = self._contents.setdefault(scope.form, len(self._contents))
            node.bits = self.flow.bits.get(scope.path, 0)
            node.place = place(scope) if place else 0
            return node
        node = Node(name, [self._node(inner or "", part, place) for inner, part in scope.items()], None)
        node.content = self._contents.setdefault(_content(node.leaves()), len(self._contents))
        for child in node.children:
            node.bits |= child.bits
        node.place = min(child.place for child in node.children)
        return node


def _content(layers: list[Node]) -> tuple[tuple[int, int], ...]:
    """What a scope with these layers holds, whatever it is called."""
    return tuple(sorted(Counter(leaf.content for leaf in layers).items()))


def _inside(node: Node, prefix: str = "") -> "list[tuple[str, Node]]":
    """The layers in a part, with their paths from the scope around it."""
    path = joined(prefix, node.name)
    return [(path, node)] if node.leaf else [pair for child in node.children for pair in _inside(child, path)]


def is_norm(leaf: Leaf) -> bool:
    """Whether a layer has numbers for each channel only."""
    return all(len(extents) == 1 for part in leaf.form if isinstance(part, tuple) for extents in part[1:])


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _opened(nodes: list[Node], content: int) -> list[Node]:
    """The parts of scopes with this content in the place of the scopes, named from further out."""
    result: list[Node] = []
    for node in nodes:
        if node.content != content or node.leaf:
            result.append(node)
            continue
        for child in node.children:
            inner = Node(joined(node.name, child.name), child.children, child.leaf)
            inner.content, inner.bits, inner.place = child.content, child.bits, child.place
            result.append(inner)
    return result


def known_as(node: Node) -> str:
    """Its name, with one word for the projections of skip connections."""
    if node.leaf:
        return node.name
    return ".".join("downsample" if part.lower() in SHORTCUTS else part for part in node.name.split("."))


def numbered(name: str) -> tuple[str, list[int]]:
    """A name with its numbers left open, and these: `layer3.10.conv2` as `layer#.#.conv#` with 3, 10 and 2.

    A single letter counts as a number, alone or behind one: blocks are called a, b, c or 3a, 3b.
    """
    numbers: list[int] = []

    def leave_open(found: "re.Match[str]") -> str:
        text = found[0]
        numbers.append(int(text) if text.isdigit() else ord(text))
        return "#" if text.isdigit() else "@"

    pattern = r"(?<![A-Za-z])[a-z](?=\.|$)|\d+"
    return re.sub(pattern, leave_open, name), numbers


def natural(name: str) -> list[Any]:
    """A key that puts layer10 behind layer9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def in_order_of_registration(theirs: list[Leaf]) -> bool:
    """Whether a file seems to have the order in which layers were made: PyTorch lists weights before biases, which
    neither sorting by name nor reversal does."""
    parts = [[*leaf.parts] for leaf in theirs if "weight" in leaf.parts and "bias" in leaf.parts]
    return bool(parts) and all(names.index("weight") < names.index("bias") for names in parts)


def _siblings(theirs: list[Leaf]) -> dict[str, str]:
    """For layers that are two in their scope, the other one."""
    scopes: dict[str, list[str]] = {}
    for leaf in theirs:
        scope, dot, _ = leaf.path.rpartition(".")
        while dot:
            scopes.setdefault(scope, []).append(leaf.path)
            scope, dot, _ = scope.rpartition(".")
    pairs = [paths for paths in scopes.values() if len(paths) == 2]
    found = {paths[0]: paths[1] for paths in reversed(pairs)}
    return found | {paths[1]: paths[0] for paths in reversed(pairs)}
