"""What a drawing shows, as plain data that writers read: boxes, arrows with shapes on them, groups that nest."""

from typing import NamedTuple

from ..source import Span


class Node(NamedTuple):
    """A box: a layer with what follows it directly, a block that stays closed, or an input or output of the network.

    name: within its group. title: the op with its main arguments. details: further lines. layers: the layers' names as
    in the table of folded rows; of a closed block its own. times: how many equal ones it stands for. share: of the
    network's cost, None where that depends on sizes. tip: everything there is to say. span: in the program itself.
    """

    id: str
    name: str
    title: str
    details: tuple[str, ...]
    family: str
    group: str
    layers: tuple[str, ...]
    times: int
    share: float | None
    tip: str
    span: Span
    aux: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The label, line by line."""
        return tuple(line for line in (self.title, *self.details, self.name) if line)


class Edge(NamedTuple):
    """A tensor on its way. kind: data, tap (indices of a pooling, a second operand) or aux (for training only)."""

    source: str
    target: str
    text: str
    kind: str = "data"


class Group(NamedTuple):
    """An open block, or `times` equal ones of which one is drawn. parent: the group around it, or nothing."""

    id: str
    name: str
    title: str
    parent: str
    times: int
    shared: bool
    share: float | None
    tip: str
    span: Span

    @property
    def text(self) -> str:
        """The heading in one line."""
        name, rest = self.heading
        return f"{name}: {rest}" if name and rest else name or rest

    @property
    def heading(self) -> tuple[str, str]:
        """The name with the count of equals, and what it is."""
        count = f" × {self.times}" if self.times > 1 else ""
        mark = " (shared)" if self.shared else ""
        if self.name == self.title or not self.name:
            return f"{self.title}{count}{mark}", ""
        return f"{self.name}{count}", f"{self.title}{mark}"


class Drawing(NamedTuple):
    """A whole network; groups stand before those inside them, boxes in the order of execution."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]

    def members(self) -> "dict[str, list[Group | Node]]":
        """What lies directly in each group, and under the empty name what lies in none: groups, then boxes."""
        found: dict[str, list[Group | Node]] = {"": [], **{group.id: [] for group in self.groups}}
        for group in self.groups:
            found[group.parent].append(group)
        for node in self.nodes:
            found[node.group].append(node)
        return found
