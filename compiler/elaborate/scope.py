"""What names mean while a program is elaborated: values of every kind, environments, and the scope of a block."""

from typing import Any, Final

from .. import syntax as ast
from ..ir import Region, Value
from ..ops import Op
from ..ops.composite import Composite
from ..ops.entry import Entry
from ..source import Source, Span


class Problem(Exception):
    """A mistake at a known place; caught by the nearest layer, which then has an unknown shape."""

    def __init__(
        self, code: str, span: Span, labels: tuple[Any, ...] = (), notes: tuple[str, ...] = (), **facts: Any
    ) -> None:
        super().__init__(code)
        self.code, self.span, self.labels, self.notes, self.facts = code, span, labels, notes, facts
        self.silences: frozenset[str] = frozenset()  # names of which nothing more is to be said once it is reported


class Fatal(Problem):
    """A mistake after which going on makes no sense, such as a limit reached."""


class Sentinel:
    """A value that stands for itself."""

    def __init__(self, description: str) -> None:
        self.description = description


ABSENT: Final = Sentinel("nothing: the condition does not hold")
UNKNOWN: Final = Sentinel("unknown, after an earlier mistake")


class BlockDecl:
    """A block declaration with all that its body sees: the file's names and the `set` defaults at its place."""

    __slots__ = ("body_names", "env", "node", "settings")

    def __init__(self, node: ast.Block, env: "Env", settings: "Settings") -> None:
        self.node = node
        self.env = env
        self.settings = settings

    @property
    def name(self) -> str:
        return self.node.name.id


class SharedDecl:
    """A `shared` declaration: one set of weights, one region for each input shape it meets.

    One among a block's `where` definitions is local: each instance of the block has its own, `frame` builds it.
    """

    __slots__ = ("env", "frame", "node", "regions", "settings")

    def __init__(self, node: ast.Shared, env: "Env", settings: "Settings", frame: Any = None) -> None:
        self.frame = frame
        self.node = node
        self.env = env
        self.settings = settings
        self.regions: dict[Any, tuple[Region, int]] = {}
        """By input shape, with the number of layers that each expands to."""

    @property
    def name(self) -> str:
        return self.node.name.id


class Combinator:
    """A built-in form that takes layers as arguments: id, res, split."""

    __slots__ = ("doc", "known_as", "name")

    def __init__(self, name: str, doc: str, known_as: tuple[str, ...] = ()) -> None:
        self.name = name
        self.doc = doc
        self.known_as = known_as


Target = Op[Any] | Composite | Entry | BlockDecl | SharedDecl | Combinator


class Ref:
    """A layer or block by name, with its kernel suffix, not yet given arguments."""

    __slots__ = ("name", "suffix", "target")

    def __init__(self, target: Target, name: str, suffix: tuple[int, ...] | None = None) -> None:
        self.target = target
        self.name = name
        self.suffix = suffix

    @property
    def description(self) -> str:
        return f"the layer `{self.name}`"


class Layer:
    """A layer expression with the environment that it is read in."""

    __slots__ = ("env", "node")

    description = "a layer"

    def __init__(self, node: ast.Expr, env: "Env") -> None:
        self.node = node
        self.env = env


class TensorChain(Layer):
    """A chain that begins with a tensor and was only looked at: evaluated, it is the tensor that it makes."""

    __slots__ = ()


class Branches:
    """A list with layers or tensors in it: applied, it concatenates; given to `split`, it shares channels out."""

    __slots__ = ("items", "looked", "node")

    description = "a list of layers"

    def __init__(self, node: ast.Expr, items: list[Any], looked: list[Any] | None = None) -> None:
        self.node = node
        self.items = items
        self.looked = looked or []
        """Values of the first items, kept since lists in lists would else be looked through twice at each level."""


class Lazy:
    """A `where` name, evaluated when first read."""

    __slots__ = ("busy", "node")

    def __init__(self, node: ast.Define) -> None:
        self.node = node
        self.busy = False


class Settings:
    """The `set` defaults in force at a place: layer name to argument name to expression, read in its file's scope.

    key: the last `set` line that they come from, which tells them from those of any other place.
    """

    __slots__ = ("key", "table")

    def __init__(self, table: dict[str, dict[str, ast.Expr]], key: int = 0) -> None:
        self.table = table
        self.key = key

    def with_line(self, layer: str, added: dict[str, ast.Expr], line: ast.Set) -> "Settings":
        """These with the defaults that one more line gives a layer."""
        table = {**self.table, layer: {**self.table.get(layer, {}), **added}}
        return Settings(table, id(line))

    def of(self, layer: str) -> dict[str, ast.Expr]:
        return self.table.get(layer, {})


NO_SETTINGS: Final = Settings({})


class Scope:
    """The part of a block's meaning that all its loops and branches share: its input, its taps, its `set` defaults."""

    __slots__ = ("frame", "input", "settings", "taps", "title")

    def __init__(
        self, input_value: Value | None, settings: Settings = NO_SETTINGS, frame: Any = None, title: str = ""
    ) -> None:
        self.input = input_value
        self.settings = settings
        self.frame = frame
        self.taps: dict[str, Value] = {}
        self.title = title


class Env:
    """Names bound at one place, the environment around it, and a key that is equal where the meaning is."""

    __slots__ = ("key", "names", "parent", "scope", "source", "used")

    def __init__(self, source: Source, parent: "Env | None", scope: Scope, key: object) -> None:
        self.source = source
        self.parent = parent
        self.scope = scope
        self.key = key
        self.names: dict[str, Any] = {}
        self.used: set[str] = set()

    def span(self, node: Any) -> Span:
        """The place of a node that was read in this environment."""
        return Span(self.source, *node.pos)

    @property
    def file(self) -> "Env":
        """The outermost environment: the file's own."""
        env = self
        while env.parent is not None:
            env = env.parent
        return env

    def find(self, name: str) -> "Env | None":
        """The innermost environment that binds a name."""
        env: Env | None = self
        while env is not None:
            if name in env.names:
                env.used.add(name)
                return env
            env = env.parent
        return None

    def find_tap(self, name: str) -> Value | None:
        """The tensor that `as name` set in this block or in the file around it."""
        env: Env | None = self
        while env is not None:
            if name in env.scope.taps:
                return env.scope.taps[name]
            env = env.parent
        return None
