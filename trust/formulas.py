"""What `analyze --explain` prints, evaluated: every formula is true, and gives the report's figure."""

import math
import re
from fractions import Fraction
from typing import Any

import cnnc
from cnnc.compiler.explain import Explained, equation, explanations
from cnnc.compiler.ops.base import channels_of
from cnnc.compiler.ops.formula import Line, axis_names, text
from cnnc.compiler.report import Row, rows
from cnnc.compiler.symbolic import Sym

SIGNS = {"·": "*", "−": "-", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")"}
FUNCTIONS = {
    "floor": math.floor,
    "ceil": math.ceil,
    "min": min,
    "max": max,
    "gcd": lambda a, b: math.gcd(int(a), int(b)),
    "F": Fraction,
}


def evaluate(expression: str, **symbols: int) -> Fraction:
    """The value of a printed expression, in exact arithmetic."""
    source = re.sub(r"(?<=\d),(?=\d)", "", expression)
    for sign, python in SIGNS.items():
        source = source.replace(sign, python)
    assert re.fullmatch(r"[\w+*/(), -]+", source), expression
    source = re.sub(r"\d+", r"F(\g<0>)", source)
    return Fraction(eval(source, {"__builtins__": {}}, {**FUNCTIONS, **symbols}))


def equations(layer: Explained) -> list[Line]:
    return [line for line in layer.lines if line.value is not None]


def check_true(layer: Explained, **symbols: int) -> None:
    """Each formula has its value, and what is printed for the value has it too."""
    for line in equations(layer):
        want = line.value.at(symbols) if isinstance(line.value, Sym) else line.value
        assert evaluate(line.expression, **symbols) == want, f"{layer.path}: {equation(line)}"
        assert evaluate(text(line.value), **symbols) == want, f"{layer.path}: {equation(line)}"


def values(layer: Explained, label: str, before: str = "") -> list[Any]:
    return [line.value for line in equations(layer) if line.label == label and before in line.before]


def check_row(layer: Explained, row: Row) -> None:
    """Every figure of the report is there, and as the value of a formula."""
    assert (layer.path, layer.op, layer.times) == (row.name, row.op, row.times)
    params, buffers = values(layer, "parameters"), values(layer, "buffers")
    assert (params[:1] or [0]) == [row.params] and (buffers or [0]) == [row.buffers]
    assert (values(layer, "MACs") or [0]) == [row.macs]
    assert (values(layer, "other ops") or [0]) == [row.work.other]
    fields = [line for line in equations(layer) if line.label.startswith("field")]
    found = [line.value for line in fields if "jump" not in line.before]
    jumps = [line.value for line in fields if "jump" in line.before]
    expected = (row.receptive_field, row.jump)
    if len(found) == 1:
        expected = tuple(each[:1] for each in expected)
        assert len({*zip(row.receptive_field, row.jump, strict=True)}) == 1
    assert (tuple(found), tuple(jumps)) == expected


def check_shape(layer: Explained, row: Row) -> None:
    """Formulas for extents give the output's; each axis has one, or words say where it comes from."""
    spoken = [line for line in layer.lines if line.label == "shape"]
    given = {
        name: line.value
        for line in equations(layer)
        for name in line.label.split(", ")
        if line.before.startswith("N = ")
    }
    assert spoken or given or values(layer, "elements") or values(layer, "channels")
    if given:
        assert tuple(given[name] for name in axis_names(len(given))) == row.output[1:]
    if values(layer, "channels"):
        assert values(layer, "channels") == [channels_of(row.output)]
    assert not any("as the input" in line.expression for line in spoken) or row.inputs[0] == row.output


def check(net: cnnc.Net, **symbols: int) -> None:
    """All formulas of a network, at sizes where it has symbols. Raises AssertionError."""
    found = explanations(net.graph, folded=False)
    for layer, row in zip(found, rows(net.graph), strict=True):
        check_true(layer, **symbols)
        check_row(layer, row)
        check_shape(layer, row)


def check_text(printed: str) -> None:
    """What stands left and right of every = sign in the text itself is equal; `N = ` is a name."""
    printed = printed.split("\n", 2)[2].replace("N = ", "N: ")
    sides = re.findall(r"((?:min|max|[\d+·−/⌊⌋⌈⌉ ()]|,(?=\d)|, (?=[^)]*\)))+) = ([\d,/]*\d)", printed)
    assert len(sides) == printed.count(" = ")
    for expression, value in sides:
        assert evaluate(expression.strip()) == evaluate(value), f"{expression} = {value}"
