"""Steps and regions while a program is applied: the stack of frames, expanded layers counted, calls of regions."""

from collections.abc import Callable
from typing import Any

from .. import syntax as ast
from ..diagnostics import Label, Reject, Sink, show
from ..ir import Apply, Call, Region, Value
from ..limits import Limits
from ..ops import Op
from ..source import Span
from ..symbolic import UndecidedError
from .arithmetic import bounded
from .budget import STEPS_A_LAYER
from .build import Frame, Tag, open_region
from .evaluate import Evaluator
from .plans import Plans
from .scope import Env, Fatal, Problem

PLAIN = Tag()
LARGE = 2_000  # steps; what has as many is worth counting before more are built


class Regions(Evaluator):
    """Keeps the frame under construction. What a layer expression does is the subclasses' work."""

    def __init__(self, sink: Sink, limits: Limits, plans: Plans, frame: Frame) -> None:
        super().__init__(sink, limits, plans)
        self.frame = frame
        self.impure: set[int] = set()  # regions that read or set tensors around them
        self.built = 0
        self.unfed: set[int] = set()  # sums and lists of tensors into which nothing flows

    def apply(self, node: ast.Expr, env: Env, x: Value, tag: Tag = PLAIN) -> Value:
        """The tensor that a layer expression makes of `x`; steps go to the present frame. Raises Problem."""
        raise NotImplementedError

    def apply_value(self, layer: Any, node: ast.Expr, env: Env, x: Value, tag: Tag = PLAIN) -> Value:
        """Apply a value that an expression evaluated to; `node` and `env` say where it was written."""
        raise NotImplementedError

    def links(self, links: tuple[ast.Expr, ...], env: Env, x: Value, after_arrow: bool = False) -> Value:
        """One link after another. A link with a mistake gives an unknown shape, and the chain goes on."""
        raise NotImplementedError

    def check_count(self) -> None:
        """Refuse what multiplies beyond the limit. Raises Fatal."""
        raise NotImplementedError

    def unknown(self, node: Any, env: Env) -> Value:
        """A tensor of unknown shape, which silences what follows from a mistake."""
        return Value(None, env.span(node), self.frame)

    def failed(self, problem: Problem, node: Any, env: Env) -> Value:
        """Report a mistake, and give what stands in for the tensor and for the labels that were not made."""
        self.report(problem)
        silent = self.unknown(node, env)
        for label in ast.labels(node):
            env.scope.taps.setdefault(label, silent)
        return silent

    def step(
        self, op: Op[Any], attrs: Any, inputs: list[Value], span: Span, tag: Tag, kind: str | None = None
    ) -> Value:
        """Add one op to the frame. Raises Reject from its shape rule, which gets resolved attributes."""
        frame = self.frame
        inputs = [v if v.frame is frame else frame.bring(v) for v in inputs]
        shapes = [v.shape for v in inputs if v.shape is not None]
        if len(shapes) < len(inputs):
            return Value(None, span, frame)
        try:
            attrs = op.resolve(attrs, shapes[0])
            output = Value(op.shape(attrs, *shapes), span, frame)
            for extent in output.shape or ():
                bounded(extent)
        except UndecidedError:  # an extent as stride, groups or the like
            raise Reject("E0330") from None
        step = Apply(op, attrs, inputs, output, span, tag.kind or kind or op.name, tag.label)
        step.skip = tag.skip
        frame.add(step)
        self.budget.allowed += STEPS_A_LAYER
        self.count_layers(1, span)
        return output

    def count_layers(self, layers: int, span: Span) -> None:
        """Count expanded layers, and stop when more steps were built than may be: they are what takes time and memory.

        Folded repeats cost one step whatever their count, so the whole network's count is compared at the end, when
        it is exact.
        """
        self.frame.layers += layers
        self.built += 1
        if self.built == LARGE:
            self.check_count()
        if self.built > self.limits.max_layers:
            raise Fatal("E0404", span, count=self.built, most=self.limits.max_layers, bound="at least ")
        if self.built > self.limits.max_built:
            raise Fatal("E0363", span, most=self.limits.max_built)

    def call_region(self, region: Region, layers: int, frame: Frame | None, x: Value, span: Span, tag: Tag) -> Call:
        """Add a call of a finished region, with the tensors it captured as further operands."""
        captured = frame.captured if frame is not None else []
        outputs = [Value(v.shape, v.origin or span, self.frame) for v in region.outputs[:1]]
        call = Call(region, [self.frame.bring(x), *captured], outputs, span, tag.kind or region.title, tag.label)
        call.skip = tag.skip
        if frame is not None:
            frame.call = call
            if not frame.pure:
                self.impure.add(id(region))
        self.frame.add(call)
        self.count_layers(layers or 1, span)  # an empty instance is gone through as well
        return call

    def enclosed(
        self,
        kind: str,
        title: str,
        node: Any,
        env: Env,
        x: Value,
        tag: Tag,
        positional: bool,
        body: Callable[[Value], Value],
    ) -> Value:
        """Run `body` in a region of its own and return what its call gives."""
        frame = open_region(kind, title, (env.source.name, node.pos, kind), env.span(node), self.frame, positional)
        outer, self.frame = self.frame, frame
        try:
            result = body(frame.receive(outer.bring(x)))
            frame.close(result)
        finally:
            frame.is_open = False
            self.frame = outer
        if not frame.region.steps and frame.bring(result) in frame.region.inputs and tag.label is None:
            return x if result is frame.region.inputs[0] else self._passed_through(frame, result)
        return self.call_region(frame.region, frame.layers, frame, x, env.span(node), tag).outputs[0]

    def _passed_through(self, frame: Frame, result: Value) -> Value:
        """The outer tensor behind a region that only hands one of its inputs on."""
        return frame.captured[frame.region.inputs.index(frame.bring(result)) - 1]

    def misfit(self, reject: Reject, span: Span, values: tuple[Value, ...], node: ast.Expr, env: Env) -> Problem:
        """A shape mistake between tensors, with a label where each of them came from."""
        labels = [Label(v.origin, f"{show(v.shape)} from here") for v in values if v.origin is not None and v.shape]
        if reject.code in ("E0203", "E0204"):
            from .floors import rounding  # only mistakes need it

            labels += rounding([v for v in values if v.shape], self.frame)
        return Problem(reject.code, span, labels=tuple(labels), **reject.facts)
