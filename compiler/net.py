"""The Python API: a compiled network, and the functions that make one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from .constraints import Constraint, constraints
from .conventions import cost_of
from .cost import Summary, summarize
from .diagnostics import Diagnostic, NetworkError, usage
from .files import AnyPath, project_loader, read_source
from .ir import Graph, Region, known, regions_of
from .limits import Limits
from .pipeline import compile_source, to_check, undisturbed
from .public import FLAG, LIMITS, NONE, PARAMS, PATH, SHAPE, TEXT, WHOLE, WORDS, Kind, instance, mapping, public, read
from .report import Settings, report_dict
from .requests import ShapeLike, convention_named, known_as, read_params, read_settings, read_shape
from .roofline import Device, Roofline, roofline
from .rows import GROUPINGS, Row, rows
from .source import Source
from .specialize import specialize, symbols_of
from .symbolic import Sym, UndecidedError
from .training import Training, training

if TYPE_CHECKING:
    import onnx
    import torch
    from numpy.typing import NDArray

    from .difference import Difference
    from .table import Table
    from .verify import Comparison

DeviceLike = str | Device | None

BATCH = Kind("a number or a capital letter", (WHOLE | TEXT).read)
DEVICE = Kind("a device's name, a path as text or a Device", (TEXT | instance("a Device", Device)).read)
WEIGHTS = Kind("a path, or a dictionary from names to arrays", (PATH | mapping("a dictionary")).read)
REPORT = {"batch": BATCH, "dtype": TEXT, "convention": TEXT, "device": DEVICE | NONE}
PROGRAM = {"input": SHAPE, "params": PARAMS | NONE}


class Net:
    """A compiled network: checked, shaped and counted. Made by `compile` and `load`.

    >>> net = compile("conv3x3(32) -> bn -> relu", input=(3, 224, 224))
    >>> net.params, net.output_shape
    (960, (1, 32, 222, 222))
    """

    @public(graph=instance("a Graph", Graph), diagnostics=instance("a list of Diagnostic", list, tuple))
    def __init__(self, graph: Graph, diagnostics: list[Diagnostic]) -> None:
        self.graph = graph
        """The intermediate representation; see `cnnc.compiler.ir`."""
        self.warnings = diagnostics
        """What the compiler remarked on without refusing the program."""

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies and other processes. Regions come after those that they call, so deep blocks are no deep data."""
        regions = [region for root in self.graph.shared.values() for region in regions_of(root)]
        return _copied, (type(self), [*regions, *regions_of(self.graph.root)], self.graph, self.warnings)

    def __repr__(self) -> str:
        return f"<cnnc net {self.name}: {self.params:,} parameters, {self.macs:,} MACs>"

    @public()
    def _repr_html_(self) -> str:
        """The table and the drawing, for notebooks."""
        from .drawing.notebook import html

        with undisturbed():
            return html(self.graph, self.report())

    @property
    def name(self) -> str:
        return self.graph.name

    @cached_property
    @public()
    def totals(self) -> Summary:
        """All sums, for one sample."""
        with undisturbed():
            return summarize(self.graph)

    @cached_property
    @public()
    def training(self) -> Training:
        """What a training step keeps for its backward pass and computes there, where the input needs no gradient.

        Raises UsageError where that depends on sizes that are not known.
        """
        with undisturbed():
            try:
                return training(self.graph)
            except UndecidedError:
                raise usage("E0331", symbols=", ".join(self.symbols)) from None

    @property
    def params(self) -> int:
        """Trainable parameters, those of training-only outputs included."""
        return self.totals.params

    @property
    def buffers(self) -> int:
        """Elements of stored tensors that are not trained, such as running means."""
        return self.totals.buffers

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample's inference."""
        return self.totals.work.mac

    @property
    def flops(self) -> int:
        """2·MACs, torch's convention."""
        return 2 * self.macs

    @public(convention=TEXT)
    def cost(self, convention: str = "torchvision") -> int:
        """What another tool means by the cost of one sample's inference: torch, fvcore, ptflops, thop, torchinfo, …

        Raises UsageError for a convention that is not known.
        """
        return cost_of(self.graph, convention_named(convention))

    @property
    def depth(self) -> int:
        """Convolutions and linear layers on the longest path, projections of skips aside."""
        return self.totals.depth

    @property
    @public()
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the first input, with a batch of 1 in front."""
        return (1, *known(self.graph.inputs[0].value))

    @property
    @public()
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the first output, with a batch of 1 in front."""
        return (1, *known(self.graph.outputs[0].value))

    @cached_property
    @public()
    def layers(self) -> list[Row]:
        """Every layer of the expanded network in order, with shapes and costs per sample."""
        with undisturbed():
            return list(rows(self.graph))

    @cached_property
    @public()
    def symbols(self) -> list[str]:
        """The symbols of the input shapes, such as H and W of 3xHxW."""
        return symbols_of(self.graph)

    @cached_property
    @public()
    def constraints(self) -> list[Constraint]:
        """What the symbols must satisfy for the layers to fit, such as multiples of 32, and which layer says so."""
        with undisturbed():
            return constraints(self.graph)

    @public()
    def at(self, **values: int) -> "Net":
        """The network at given sizes, `net.at(H=224, W=224)`. Raises NetworkError where a layer does not fit there.

        UsageErrors are E0331 for a symbol without a size and E0519 for what is no size of a symbol.
        """
        values = {name: read(Net.at, name, WHOLE, value) for name, value in values.items()}
        for name, value in values.items():
            if name not in self.symbols or value < 1:
                raise usage("E0519", text=f"{name}={value}")
        missing = [name for name in self.symbols if name not in values]
        if missing:
            raise usage("E0331", symbols=", ".join(missing))
        with undisturbed():
            return Net(specialize(self.graph, values), self.warnings)

    def needs_numbers(self) -> None:
        """Refuse what symbolic extents do not allow (E0331)."""
        if self.symbols:
            raise usage("E0331", symbols=", ".join(self.symbols))

    @public()
    def ir(self) -> str:
        """The intermediate representation as text; `cnnc.compiler.ir_text.read_graph` reads it back."""
        from .ir_text import print_graph

        return print_graph(self.graph)

    @public(by=TEXT, form=TEXT, **REPORT)
    def report(
        self,
        by: str = "layer",
        batch: int | str = 1,
        dtype: str = "fp32",
        convention: str = "torchvision",
        device: DeviceLike = None,
        form: str = "table",
    ) -> str:
        """The cost table as text.

        by: layer, block or op. batch: a number, or a capital letter for formulas in it. device: as for `roofline`.
        form: table (plain text), md (Markdown) or csv (every layer on a line of its own).
        """
        from .formats import WRITERS

        known_as("form", form, WRITERS)
        return WRITERS[form](self.table(by, batch, dtype, convention, device, folded=form != "csv"))

    @public(batch=WHOLE)
    def explain(self, batch: int = 1) -> str:
        """Every layer's figures as formulas with the numbers in them; `batch` multiplies operations."""
        from .explain import explain

        settings = self.settings(batch, "fp32", "torchvision", None)
        with undisturbed():
            return explain(self.graph, settings.batch)

    @public(form=TEXT, depth=WHOLE | NONE, compact=FLAG)
    def draw(self, form: str = "svg", depth: int | None = None, compact: bool = True) -> str:
        """The network as a drawing. form: svg (laid out; needs the extra `draw`), mermaid or dot (Graphviz).

        depth: how many levels of blocks are open, all of them unless given. compact: whether normalisations,
        activations and dropout share the box of the layer that they follow.
        """
        from .drawing import WRITERS, drawing

        known_as("form", form, WRITERS)
        if depth is not None and depth < 0:
            raise usage("E0585", name="depth", function="Net.draw", value=depth, wanted="a whole number of at least 0")
        with undisturbed():
            return WRITERS[form](drawing(self.graph, depth, compact))

    @public(by=TEXT, folded=FLAG, **REPORT)
    def table(
        self,
        by: str,
        batch: int | str,
        dtype: str,
        convention: str,
        device: DeviceLike = None,
        folded: bool = True,
    ) -> "Table":
        """What `report` writes, as cells of text; arguments as there."""
        from .table import make_table

        known_as("grouping", by, ("layer", *GROUPINGS))
        settings = self.settings(batch, dtype, convention, device)
        with undisturbed():
            return make_table(self.graph, self.totals, by, settings, folded)

    @public(**REPORT)
    def settings(self, batch: int | str, dtype: str, convention: str, device: DeviceLike) -> Settings:
        settings = read_settings(batch, dtype, convention, self.on_device(device))
        if isinstance(settings.batch, Sym) and str(settings.batch) in self.symbols:
            raise usage("E0513", text=str(batch))
        if settings.device is not None and isinstance(settings.batch, Sym):
            raise usage("E0331", symbols=str(settings.batch))
        return settings

    @public(device=DEVICE | NONE)
    def on_device(self, device: DeviceLike) -> Device | None:
        """The device of that name or file, for a network with numbers. Raises UsageError."""
        if device is None:
            return None
        self.needs_numbers()
        from .devices import find_device

        return find_device(device) if isinstance(device, str) else device

    @public(device=DEVICE, batch=WHOLE, dtype=TEXT)
    def roofline(self, device: str | Device, batch: int = 1, dtype: str = "fp32") -> Roofline:
        """The least time on a device, layer by layer as in `layers`, and whether the network fits in its memory.

        device: a name of docs/devices.md such as "h100", "my.toml" or "my.toml:name", or a `Device`.
        """
        target = self.on_device(device)
        assert target is not None
        self.settings(batch, dtype, "torchvision", None)
        with undisturbed():
            return roofline(self.graph, target, batch, dtype)

    @public(by=TEXT, **REPORT)
    def to_dict(
        self,
        batch: int | str = 1,
        dtype: str = "fp32",
        convention: str = "torchvision",
        device: DeviceLike = None,
        by: str = "layer",
    ) -> dict[str, Any]:
        """The JSON report as plain data; arguments as for `report`.

        `batch` leads all shapes and multiplies work and activation memory.
        """
        known_as("grouping", by, ("layer", *GROUPINGS))
        settings = self.settings(batch, dtype, convention, device)
        with undisturbed():
            return report_dict(self.graph, self.totals, settings, by)

    @public(by=TEXT, convention=TEXT)
    def diff(self, other: "Net", by: str = "layer", convention: str = "torchvision") -> "Difference":
        """What distinguishes another network from this one, A: aligned layers, figures of both, sums with changes.

        `str` of it is the table, `to_dict()` plain data, `equal` says that nothing differs. by: layer, block or op.
        """
        from .difference import compare

        other = read(Net.diff, "other", instance("a Net", Net), other)
        known_as("grouping", by, ("layer", *GROUPINGS))
        with undisturbed():
            return compare(self.graph, other.graph, by, convention_named(convention))

    @public(path=PATH | NONE, **REPORT)
    def to_html(
        self,
        path: AnyPath | None = None,
        *,
        batch: int | str = 1,
        dtype: str = "fp32",
        convention: str = "torchvision",
        device: DeviceLike = None,
    ) -> str:
        """The analysis as one HTML page that needs no network; written to `path` if given. Arguments as for `report`.

        The graph is in it if the package for drawings is there. Raises UsageError for more layers than a page shows.
        """
        from .html import page

        settings = self.settings(batch, dtype, convention, device)
        with undisturbed():
            text = page(self, settings)
        if path is not None:
            from .writing import write_file

            write_file(path, text.encode())
        return text

    @public()
    def torch_source(self) -> str:
        """PyTorch source of the network: one module that imports only torch."""
        self.needs_numbers()
        from ..backends import backend

        with undisturbed():
            return str(backend("torch").source(self.graph))

    @public(seed=WHOLE | NONE, weights=WEIGHTS | NONE)
    def to_torch(
        self, seed: int | None = None, weights: AnyPath | Mapping[str, Any] | None = None
    ) -> "torch.nn.Module":
        """The network as a `torch.nn.Module`, made by running `torch_source()`.

        Weights are PyTorch's own initialisation; with `seed`, the ones that `to_onnx(seed=…)` stores; with `weights`,
        those of a .safetensors or .pth file or arrays by name, which must fit exactly. Raises UsageError (E0580) for
        both, of which one would have no effect.
        """
        self.needs_numbers()
        check_seed(seed, weights)
        from ..backends import backend

        module: torch.nn.Module = backend("torch").module(self, seed, weights)
        return module

    @public(data=PATH | NONE)
    def train_source(self, data: str | None = None) -> str:
        """A training script: model, data and loop in one file that imports nothing of cnnc.

        data: what it trains on, as for `cnnc train --data`; otherwise the script can read all that fits the network.
        Raises UsageError where the program names no loss or optimizer (E0358), or the data does not fit (E0590).
        """
        with undisturbed():
            return str(self._training().source(self.graph, data))

    @public()
    def loss(self) -> "Callable[..., torch.Tensor]":
        """The loss of the `train` section as a function `loss(y, t)`, the mean over the batch.

        What `ignore` leaves out counts neither in a sum nor in what it is divided by; where nothing does, a term is 0.

        y: what the module returns: a tensor, or for several outputs a dictionary by name. t: the target, or a
        dictionary by name for several; none for triplet and quadruplet. That of contrastive, whether pairs are of one
        class, is called `same` beside others. An l1 penalty, which is of weights, is not in it.
        Raises UsageError where the program names no loss (E0358).
        """
        return cast("Callable[..., torch.Tensor]", self._training().loss(self.graph))

    @public()
    def optimizer(self, params: "torch.nn.Module | Iterable[Any]") -> "torch.optim.Optimizer":
        """The optimizer of the `train` section for parameters, for those of a module, or for groups of them.

        Groups are dictionaries as PyTorch's optimizers take them, and their options win. With `decay=weights` each
        becomes two: biases and parameters of norms do not decay, whatever the group says.
        Raises UsageError where the program names no optimizer (E0358) or a module has no parameters (E0573).
        """
        return cast("torch.optim.Optimizer", self._training().optimizer(self.graph, params))

    @public(steps_per_epoch=WHOLE | NONE)
    def schedule(
        self, optimizer: "torch.optim.Optimizer", steps_per_epoch: int | None = None
    ) -> "torch.optim.lr_scheduler.LRScheduler":
        """The schedule of the `train` section, a constant rate where it has none. Its `step()` is called after each
        epoch, or with `by=step` after each optimizer step: then `steps_per_epoch` says how many an epoch has.

        Raises UsageError where the program names no optimizer (E0358) or the number of steps is missing (E0359).
        """
        schedule = self._training().schedule(self.graph, optimizer, steps_per_epoch)
        return cast("torch.optim.lr_scheduler.LRScheduler", schedule)

    def _training(self) -> Any:
        self.needs_numbers()
        from ..backends import backend

        return backend("train")

    @public(path=PATH, order=TEXT | NONE, accept_order=FLAG, partial=FLAG)
    def import_weights(
        self, path: AnyPath, order: str | None = None, accept_order: bool = False, partial: bool = False
    ) -> "dict[str, NDArray[Any]]":
        """Tensors of a foreign .pth or .safetensors state_dict under this network's names, for `weights=`.

        Paired by name, or by the scopes of both sides, the shapes in them and numbers in names. Raises MismatchError
        (E0527) where several pairings fit; `accept_order` takes the one by order then, that of the file (`order`
        "file"), the natural one of its names ("name"), or the file's unless that is sorted by name (None).
        Raises UsageError (E0516) where something is left over; `partial` takes what fits, and the rest begins as
        initialised with seed 0.
        """
        self.needs_numbers()
        if order is not None:
            known_as("order", order, ("file", "name"))
            if not accept_order:
                raise usage("E0528", option="order", other="accept_order=True")
        from ..backends.mapping import map_weights, taken_over

        mapping, found = map_weights(self.graph, path, order, accept_order, partial)
        return taken_over(mapping, found, self.graph)

    @public(
        path=PATH | NONE, batch=BATCH, seed=WHOLE | NONE, weights=WEIGHTS | NONE, opset=WHOLE | NONE, inference=FLAG
    )
    def to_onnx(
        self,
        path: AnyPath | None = None,
        *,
        batch: int | str = "dynamic",
        seed: int | None = None,
        weights: AnyPath | Mapping[str, Any] | None = None,
        opset: int | None = None,
        inference: bool = False,
    ) -> "onnx.ModelProto":
        """The network as an ONNX model with weights; written to `path` if given.

        batch: a number, or "dynamic" for a symbolic leading axis. seed: of the weights where none are given, 0 unless
        said otherwise. inference: fold batch normalisation, drop dropout.
        Raises UsageError (E0580) for a seed beside weights, which would have no effect.
        """
        self.needs_numbers()
        check_seed(seed, weights)
        from ..backends import backend

        with undisturbed():
            model: onnx.ModelProto = backend("onnx").model(
                self, batch=batch, seed=seed or 0, weights=weights, opset=opset, inference=inference, path=path
            )
        return model

    @public(backends=WORDS, seed=WHOLE, batch=WHOLE, on=TEXT)
    def verify(
        self, backends: Sequence[str] = ("torch", "onnx"), seed: int = 0, batch: int = 2, on: str = "cpu"
    ) -> "list[Comparison]":
        """What each backend makes of the same random weights and inputs, compared with NumPy in double precision.

        One comparison for each backend and output; its `ok` says whether they agree. on: cpu or cuda.
        """
        from .verify import verify

        return verify(self, backends, seed, batch, on)


def check_seed(seed: int | None, weights: object) -> None:
    """Refuse a seed beside weights (E0580): nothing is drawn."""
    if seed is not None and weights is not None:
        raise usage("E0580", option="seed", other="weights")


def _copied(kind: type[Net], _regions: list[Region], graph: Graph, warnings: list[Diagnostic]) -> Net:
    return kind(graph, warnings)


@public(text=TEXT, name=TEXT, limits=LIMITS | NONE, **PROGRAM)
def compile(
    text: str,
    input: ShapeLike = None,
    params: Mapping[str, Any] | None = None,
    *,
    name: str = "<text>",
    limits: Limits | None = None,
) -> Net:
    """Compile a program's text.

    input: channels-first shape without the batch, `(3, 224, 224)` or "3x224x224", for a program that does not declare
    one, or instead of the one that it declares; a mapping from input names to shapes for several inputs.
    params: values for the build parameters of the `net` line.
    Raises NetworkError with everything that was found wrong.
    """
    return _compile(Source(text, name), input, params, limits)


@public(path=PATH, limits=LIMITS | NONE, **PROGRAM)
def load(
    path: AnyPath,
    input: ShapeLike = None,
    params: Mapping[str, Any] | None = None,
    *,
    limits: Limits | None = None,
) -> Net:
    """Compile a `.cnn` file. Arguments as for `compile`; raises UsageError if the file cannot be read."""
    limits = limits or Limits()
    return _compile(read_source(str(path), limits), input, params, limits)


@public(text=TEXT, name=TEXT, **PROGRAM)
def check(
    text: str,
    input: ShapeLike = None,
    params: Mapping[str, Any] | None = None,
    *,
    name: str = "<text>",
    limits: Limits | None = None,
) -> list[Diagnostic]:
    """All diagnostics of a program's text, errors and warnings; empty for a program without remarks.

    A file of declarations only is fine, an empty one is not (E0317). Never raises for a wrong network.
    """
    try:
        source, limits = Source(text, name), limits or Limits()
        loader = project_loader(source, limits)
        result = compile_source(source, read_shape(input), read_params(params), limits, loader)
    except NetworkError as error:
        return error.diagnostics
    return to_check(result.diagnostics)


def _compile(source: Source, input: ShapeLike, params: Mapping[str, Any] | None, limits: Limits | None) -> Net:
    limits = limits or Limits()
    result = compile_source(source, read_shape(input), read_params(params), limits, project_loader(source, limits))
    if result.graph is None:
        raise NetworkError(result.diagnostics)
    return Net(result.graph, result.diagnostics)
