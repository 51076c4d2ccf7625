"""Every figure of the analysis as its formula with the numbers in it, layer by layer.

What only a layer knows, such as where its multiply-accumulates come from, stands in its op's entry; the rest follows
from its weights, its vector of work and its receptive field.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

from .fields import Field, Fields
from .ir import Apply, Graph, known
from .ops import Shape, Weight
from .ops.base import size
from .ops.formula import Line, axis_names, bracket, factor, product, ratio, shape_text, text
from .rows import Row, Walk

NOUNS = {
    "mul": "multiplication",
    "add": "addition",
    "cmp": "comparison",
    "div": "division",
    "special": "special function",
}
"""Kinds of work besides multiply-accumulates, in the order in which they are named."""
LEGEND = "N is an output extent; field and jump count positions of the network's input, of repeats those of the first."


class Explained(NamedTuple):
    """One layer, or `times` equal ones: what goes in and comes out, and the formulas of one of them."""

    path: str
    op: str
    use: str
    times: int
    lines: tuple[Line, ...]


def explain(graph: Graph, batch: int = 1) -> str:
    """The formulas of every layer as text, equal repeats once."""
    found = explanations(graph, batch)
    width = max((len(line.label) for layer in found for line in layer.lines), default=0)
    inputs = ", ".join(shape_text(known(t.value)) for t in graph.inputs)
    title = f"{graph.name}, input {inputs}, {'one sample' if batch == 1 else f'operations for a batch of {batch}'}"
    return "\n".join([title, LEGEND, *(text for layer in found for text in _block(layer, width))])


def explanations(graph: Graph, batch: int = 1, folded: bool = True) -> list[Explained]:
    """The formulas of every layer as plain data; shapes are per sample, operations for the batch."""
    walk = _Walk(folded)
    return [_explained(row, *walk.last, batch) for row in walk.graph(graph)]


class _Walk(Walk):
    """Remembers what its last row was made of: the op, the fields of its operands, its own field."""

    last: tuple[Apply, list[tuple[Field, ...]], tuple[Field, ...]]

    def row(self, step: Apply, prefix: str, fields: Fields, times: int, copies: int) -> Row:
        before = [fields[value] for value in step.inputs]
        row = super().row(step, prefix, fields, times, copies)
        self.last = step, before, fields[step.output]
        return row


def _explained(
    row: Row, step: Apply, before: list[tuple[Field, ...]], after: tuple[Field, ...], batch: int
) -> Explained:
    use = f"{', '.join(map(shape_text, row.inputs))} → {shape_text(row.output)}"
    lines = (
        *_shape_lines(step),
        *_weight_lines(step, row),
        *_mac_lines(step, row, batch),
        *_other_lines(step, row, batch),
        *_field_lines(step, before, after),
    )
    return Explained(row.name, row.op, use, row.times, lines)


# Text


def _block(layer: Explained, width: int) -> Iterator[str]:
    """A layer's lines of text; what belongs to one label stands on one line."""
    times = f"  ({layer.times} times)" if layer.times > 1 else ""
    yield f"\n{layer.path}  {layer.op}  {layer.use}{times}"
    for label, lines in groupby(layer.lines, key=lambda line: line.label):
        yield f"  {label.ljust(width)}  {''.join(map(equation, lines))}"


def equation(line: Line) -> str:
    """`expression = value` behind its words; the value alone where it says the same."""
    value = "" if line.value is None else text(line.value)
    right = f" = {value}" if value not in ("", line.expression) else ""
    return f"{line.before}{line.expression}{right}"


# Shapes and weights


def _shape_lines(step: Apply) -> tuple[Line, ...]:
    if step.op.shape_lines is None:
        return (Line("shape", "as the input"),)
    return step.op.shape_lines(step.attrs, step.in_shapes, step.out_shape)


def _weight_lines(step: Apply, row: Row) -> Iterator[Line]:
    """Parameters as stored, then with or without the bias that the layer could have; stored values beside them."""
    weights, buffers = step.weights(), step.buffers()
    if not row.stored:
        yield Line("parameters", "0", 0, "those of an earlier use, here ")
        return
    if weights:
        yield Line("parameters", _elements(weights), _count(weights))
        if hasattr(step.attrs, "bias"):
            other = step.op.weights(step.attrs._replace(bias=not step.attrs.bias), step.in_shapes[0])
            words = "; without a bias " if step.attrs.bias else "; with a bias "
            yield Line("parameters", _elements(other), _count(other), words)
        if row.times > 1 and row.params == _count(weights):
            yield Line("parameters", "; all uses share them")
    if buffers:
        yield Line("buffers", _elements(buffers), _count(buffers))


def _count(weights: Sequence[Weight]) -> int:
    return sum(size(weight.shape) for weight in weights)


def _elements(weights: Sequence[Weight]) -> str:
    """Elements of all tensors, as a sum of products in which equal tensors are one term."""
    terms: dict[str, int] = {}
    for weight in weights:
        term = _tensor(weight.shape)
        terms[term] = terms.get(term, 0) + 1
    return " + ".join(term if times == 1 else product(times, term) for term, times in terms.items())


def _tensor(shape: Shape) -> str:
    """A kernel as outputs·(inputs·window), a matrix as inputs·outputs, a vector without axes of 1."""
    if len(shape) > 2 and any(extent != 1 for extent in shape[1:]):
        return product(shape[0], bracket(*shape[1:]))
    return product(*reversed(shape)) if len(shape) == 2 else product(*shape[:1] or (1,))


# Operations


def _mac_lines(step: Apply, row: Row, batch: int) -> Iterator[Line]:
    if not row.work.mac:
        return
    x, out = step.in_shapes[0], step.out_shape
    yield Line("MACs", _batched(_macs(step, x, out), batch), batch * row.work.mac)
    if step.op.depth and step.op.family == "conv" and out[1:] != x[1:]:
        wrong = type(x)((out[0], *x[1:]))
        value = batch * step.op.work(step.attrs, x, wrong).mac
        words = f"by the input's {product(*x[1:])} positions it would be "
        yield Line("note", _batched(_macs(step, x, wrong), batch), value, words)
        yield Line("note", ", right only at stride 1 with same padding")


def _macs(step: Apply, x: Shape, out: Shape) -> str:
    rule = step.op.macs_text
    return rule(step.attrs, x, out) if rule else text(step.op.work(step.attrs, x, out).mac)


def _batched(expression: str, batch: int) -> str:
    if batch == 1:
        return expression
    return f"{text(batch)}·({expression})" if " " in expression else f"{text(batch)}·{expression}"


def _other_lines(step: Apply, row: Row, batch: int) -> Iterator[Line]:
    """The other operations: so many for every element of the output, then those that are no multiple of these."""
    if not row.work.other:
        return
    each, whole = _counts(step, row)
    element = "element" if step.in_shapes[0] == step.out_shape else "output"
    words = [" + ".join(map(_named, each)) + f" per {element}"] if each else []
    terms = [_per_element([count for count, _ in each], step.out_shape)] if each else []
    expression = " + ".join([*terms, *(count for count, _ in whole)]).replace("+ −", "− ")
    before = f"{', '.join([*words, *map(_named, whole)])}: "
    yield Line("other ops", _batched(expression, batch), batch * row.work.other, before)


def _counts(step: Apply, row: Row) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """How many of each kind: for every element of the output where it is a multiple of these, else in all."""
    spelled = step.op.each_text(step.attrs, step.in_shapes[0], step.out_shape) if step.op.each_text else {}
    each: list[tuple[str, str]] = []
    whole: list[tuple[str, str]] = []
    for kind, noun in NOUNS.items():
        amount = getattr(row.work, kind)
        times = ratio(amount, size(step.out_shape)) if amount else None
        if amount and kind in spelled:
            each.append((spelled[kind], noun))
        elif times is not None:
            each.append((factor(times), noun))
        elif amount:
            whole.append((text(amount), noun))
    return each, whole


def _named(entry: tuple[str, str]) -> str:
    count, noun = entry
    return f"{count} {noun}" if count == "1" else f"{count} {noun}s"


def _per_element(counts: list[str], out: Shape) -> str:
    if all(count.replace(",", "").isdigit() for count in counts):
        total = sum(int(count.replace(",", "")) for count in counts)
        return product(*out) if total == 1 else product(total, *out)
    return product(counts[0] if len(counts) == 1 else f"({' + '.join(counts)})", *out)


# Receptive fields


def _field_lines(step: Apply, before: list[tuple[Field, ...]], after: tuple[Field, ...]) -> Iterator[Line]:
    """The field and the jump along each axis, once where all axes are alike."""
    axes = [_axis_lines(step, [fields[i] for fields in before if i < len(fields)], after, i) for i in range(len(after))]
    if len(set(axes)) == 1:
        yield from axes[0]
    else:
        for name, lines in zip(axis_names(len(axes)), axes, strict=True):
            yield from (line._replace(label=f"field, {name}") for line in lines)


def _axis_lines(step: Apply, before: list[Field], after: tuple[Field, ...], axis: int) -> tuple[Line, ...]:
    new, old = after[axis], before[0]
    words, expression = _in_words(new, before)
    jump = text(new.jump)
    window = _window(step, old)
    if window is not None:
        words, (expression, jump) = "", _through_window(old, *window)
    return Line("field", expression, new.size, words), Line("field", jump, new.jump, ", jump ")


def _window(step: Apply, old: Field) -> tuple[Any, Any, Any] | None:
    """Kernel, stride and dilation of a window that slides over positions which all see as much; else None."""
    if step.op.window is None or not old.axis or len(old.places) > 1 or old.whole is not None:
        return None
    taps = step.op.window(step.attrs, step.in_shapes[0])[old.axis - 1]
    if taps is None or len(taps.places) > 1 or taps.places[0] is None:
        return None
    first, last, spacing = taps.places[0]
    return (last - first) // spacing + 1, taps.advance, spacing


def _through_window(old: Field, k: Any, s: Any, d: Any) -> tuple[str, str]:
    """The field grows by the window's reach times the jump, which the stride multiplies."""
    reach = f"({text(k)} − 1)" if d == 1 else f"{factor(d)}·({text(k)} − 1)"
    seen = old.places[0]
    if seen is not None and any(isinstance(n, Fraction) for n in (*seen, old.jump)):  # between the input's positions
        return f"⌊{text(seen[1] - seen[0])} + {reach}·{factor(old.jump)}⌋ + 1", product(old.jump, s)
    return f"{text(old.size)} + {reach}·{factor(old.jump)}", product(old.jump, s)


def _in_words(new: Field, before: list[Field]) -> tuple[str, str]:
    if all((f.size, f.offset, f.jump) == (new.size, new.offset, new.jump) for f in before):
        return "unchanged, ", text(new.size)
    first, last = new.offset, new.offset + new.size - 1
    what = "union" if len(before) > 1 else "all that is looked at"
    return f"{what}, from {text(first)} to {text(last)}: ", f"{text(last)} − {factor(first)} + 1"
