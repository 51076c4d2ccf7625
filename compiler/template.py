"""A parsed program, to be compiled again and again with other build parameters and input shapes."""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from .diagnostics import NetworkError, Sink
from .elaborate.instances import Shared
from .elaborate.modules import Loader
from .files import AnyPath, project_loader, read_source
from .limits import Limits
from .net import Net
from .parse import parse
from .pipeline import Result, deep_recursion, elaborate
from .public import LIMITS, NONE, PARAMS, PATH, SHAPE, TEXT, Kind, instance, public
from .requests import ShapeLike, read_params, read_shape
from .source import Source


class Template:
    """A program whose text is read once: what a search over build parameters and input shapes compiles.

    >>> template = Template("net n(c=8) input 3x32x32 -> conv3x3(c) -> bn")
    >>> [template.compile(params={"c": c}).params for c in (8, 16)]
    [240, 480]
    """

    @public(text=Kind("text", (TEXT | instance("a Source", Source)).read), name=TEXT, limits=LIMITS | NONE)
    def __init__(self, text: str | Source, *, name: str = "<text>", limits: Limits | None = None) -> None:
        """Parse a program's text. Raises NetworkError with everything that is wrong with its syntax."""
        self.source = text if isinstance(text, Source) else Source(text, name)
        self.limits = limits or Limits()
        sink = Sink()
        with deep_recursion():
            self.tree = parse(self.source, sink, self.limits)
        sink.stop_on_error()
        self._remarks = sink.found
        self._shared = Shared()

    @classmethod
    @public(path=PATH, limits=LIMITS | NONE)
    def load(cls, path: AnyPath, *, limits: Limits | None = None) -> "Template":
        """Parse a `.cnn` file. Raises UsageError if it cannot be read, NetworkError as above."""
        limits = limits or Limits()
        return cls(read_source(str(path), limits), limits=limits)

    @public(input=SHAPE, params=PARAMS | NONE)
    def compile(self, input: ShapeLike = None, params: Mapping[str, Any] | None = None) -> Net:
        """The network with these build parameters and input shapes, given as for `compile`. Raises NetworkError."""
        result = self.build(read_shape(input), read_params(params))
        if result.graph is None:
            raise NetworkError(result.diagnostics)
        return Net(result.graph, result.diagnostics)

    def build(self, shapes: Any, params: dict[str, Any]) -> Result:
        """The graph, or none and errors that say why."""
        sink = Sink()
        for remark in self._remarks:
            sink.add(remark)
        return elaborate(self.source, self.tree, sink, shapes, params, self.limits, self.loader, self._shared)

    @cached_property
    def loader(self) -> Loader:
        """What reads the files that `use` lines name, each once."""
        return cache(project_loader(self.source, self.limits))
