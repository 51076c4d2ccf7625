"""The syntax tree, exactly as written: groups are kept, nothing is resolved. Every node begins with its offsets."""

from typing import Any, NamedTuple, TypeAlias

Pos: TypeAlias = tuple[int, int]


class Name(NamedTuple):
    pos: Pos
    id: str


class Number(NamedTuple):
    pos: Pos
    value: int | float


class Bool(NamedTuple):
    pos: Pos
    value: bool


class String(NamedTuple):
    pos: Pos
    value: str


class Dims(NamedTuple):
    """`3x224x224` or, in an input shape, `3xHxW`."""

    pos: Pos
    parts: tuple[int | str, ...]


class Group(NamedTuple):
    """A parenthesised expression."""

    pos: Pos
    body: "Expr"


class Tuple(NamedTuple):
    pos: Pos
    items: tuple["Expr", ...]


class Listing(NamedTuple):
    pos: Pos
    items: tuple["Expr", ...]


class Comprehension(NamedTuple):
    pos: Pos
    body: "Expr"
    names: tuple[Name, ...]
    items: "Expr"


class Loop(NamedTuple):
    pos: Pos
    names: tuple[Name, ...]
    items: "Expr"
    body: "Expr"


class Argument(NamedTuple):
    pos: Pos
    name: str | None
    value: "Expr"


class Call(NamedTuple):
    pos: Pos
    func: "Expr"
    args: tuple[Argument, ...]


class Index(NamedTuple):
    pos: Pos
    base: "Expr"
    place: "Expr"


class Unary(NamedTuple):
    """`-x` or `not x`."""

    pos: Pos
    op: str
    body: "Expr"


class Binary(NamedTuple):
    """A run of operators of one precedence, kept flat so that long sums neither nest nor recurse."""

    pos: Pos
    level: str  # sum, product, comparison, and, or, power
    terms: tuple["Expr", ...]
    ops: tuple[str, ...]


class Choice(NamedTuple):
    """`body if test else other`; without else, `other` is None."""

    pos: Pos
    body: "Expr"
    test: "Expr"
    other: "Expr | None"


class As(NamedTuple):
    pos: Pos
    body: "Expr"
    name: Name


class Chain(NamedTuple):
    pos: Pos
    links: tuple["Expr", ...]


Expr: TypeAlias = (
    Name
    | Number
    | Bool
    | String
    | Dims
    | Group
    | Tuple
    | Listing
    | Comprehension
    | Loop
    | Call
    | Index
    | Unary
    | Binary
    | Choice
    | As
    | Chain
)


class Param(NamedTuple):
    pos: Pos
    name: str
    default: Expr | None


class Define(NamedTuple):
    """`name = expression`, in a where clause, an output list, a train section or at file level."""

    pos: Pos
    name: Name
    value: Expr


class Net(NamedTuple):
    pos: Pos
    name: Name
    params: tuple[Param, ...]


class Set(NamedTuple):
    pos: Pos
    name: Name
    args: tuple[Argument, ...]


class Use(NamedTuple):
    pos: Pos
    path: String
    names: tuple[Name, ...]


class Block(NamedTuple):
    pos: Pos
    name: Name
    params: tuple[Param, ...]
    body: Expr
    where: tuple["Define | Shared", ...]


class Shared(NamedTuple):
    pos: Pos
    name: Name
    body: Expr


class InputShape(NamedTuple):
    pos: Pos
    name: Name | None
    shape: Expr


class Input(NamedTuple):
    pos: Pos
    sources: tuple[InputShape, ...]
    flow: Expr | None


class Output(NamedTuple):
    pos: Pos
    results: tuple[Define | Expr, ...]


class Aux(NamedTuple):
    pos: Pos
    results: tuple[Define, ...]


class Train(NamedTuple):
    pos: Pos
    options: tuple[Define, ...]


class Binding(NamedTuple):
    pos: Pos
    define: Define


class Flow(NamedTuple):
    """A chain that stands by itself: the network of a file without `input`."""

    pos: Pos
    body: Expr


Item: TypeAlias = Net | Set | Use | Block | Shared | Input | Output | Aux | Train | Binding | Flow


class File(NamedTuple):
    pos: Pos
    items: tuple[Item, ...]


def names(node: object) -> frozenset[str]:
    """Every name that occurs in a part of the tree."""
    found = set()
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, Name):
            found.add(item.id)
        elif isinstance(item, tuple):
            stack.extend(item)
    return frozenset(found)


def bound_names(node: object) -> frozenset[str]:
    """Every name that a part of the tree gives to a tensor: inputs, labels, values and outputs."""
    found = _all(node, (InputShape, As, Define))
    return frozenset(item.name.id for item in found if item.name is not None)


def labels(node: object) -> frozenset[str]:
    """Every label that a part of the tree sets."""
    return frozenset(item.name.id for item in _all(node, As))


def _all(node: object, kinds: Any) -> list[Any]:
    """The nodes of some kinds in a part of the tree."""
    found, stack = [], [node]
    while stack:
        item = stack.pop()
        if isinstance(item, kinds):
            found.append(item)
        if isinstance(item, tuple):
            stack.extend(item)
    return found


def bare(node: Expr) -> Expr:
    """The expression inside any number of parentheses."""
    while isinstance(node, Group):
        node = node.body
    return node
