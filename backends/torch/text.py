"""Laying Python out in 88 columns, as ruff and black would."""

import re

WIDTH = 88
NUMBER = re.compile(r"(?<![\w.])(?<!e-)(?<!e\+)(\d+)(?![\w.])")

LOOP_NAMES = ("n", "i", "j", "k")
"""What the variable of a loop may be called; the first that the looped text does not use."""
OWN_NAMES = frozenset({"self", "torch", "nn", "F", "range", "super", "i", "layer", "_"})
"""Names that emitted methods use for themselves."""


def layout(prefix: str, head: str, args: list[str], suffix: str, indent: int) -> list[str]:
    """`prefix head(args) suffix` on one line, or with one argument a line where that is too long.

    An argument of several lines has all but the first indented already.
    """
    pad = " " * indent
    line = f"{pad}{prefix}{head}({', '.join(args)}){suffix}"
    if len(line) <= WIDTH and "\n" not in line:
        return [line]
    lines = [f"{pad}{prefix}{head}("]
    for arg in args:
        lines += f"{pad}    {arg},".split("\n")
    return [*lines, f"{pad}){suffix}"]


def signature(method: str, names: list[str]) -> list[str]:
    """The first line of a method, or as many as its arguments need."""
    line, inner = f"    def {method}({', '.join(names)}):", f"        {', '.join(names)}"
    if len(line) <= WIDTH:
        return [line]
    if len(inner) <= WIDTH:
        return [f"    def {method}(", inner, "    ):"]
    return [f"    def {method}(", *(f"        {name}," for name in names), "    ):"]


def wrap(line: str) -> list[str]:
    """A long statement with the outermost brackets' contents one a line."""
    if len(line) <= WIDTH:
        return [line]
    opening = min((i for i in (line.find("("), line.find("["), line.find("{")) if i >= 0), default=-1)
    if opening < 0:
        return [line]
    closing = len(line) - 1
    indent = " " * (len(line) - len(line.lstrip()))
    inner = line[opening + 1 : closing]
    parts = split_arguments(inner)
    lines = [line[: opening + 1]]
    if len(parts) == 1:
        body = wrap(f"{indent}    {parts[0]}")
        return [*lines, *body, f"{indent}{line[closing:]}"]
    for part in parts:
        lines += (
            wrap(f"{indent}    {part},") if len(f"{indent}    {part},") <= WIDTH else wrap_item(f"{indent}    {part}")
        )
    return [*lines, f"{indent}{line[closing:]}"]


def wrap_item(line: str) -> list[str]:
    lines = wrap(line)
    return [*lines[:-1], f"{lines[-1]},"]


def split_arguments(text: str) -> list[str]:
    """The parts of an argument list, at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


def fold_progressions(texts: list[str]) -> list[str]:
    """Runs of calls that differ in one evenly growing number as `*(Layer(n) for n in range(64, 256, 32))`."""
    result: list[str] = []
    at = 0
    while at < len(texts):
        length, folded = _progression(texts, at)
        result.append(folded if length >= 3 else texts[at])
        at += length if length >= 3 else 1
    return result


def _progression(texts: list[str], at: int) -> tuple[int, str]:
    """How many texts from `at` on form a progression, and the loop that stands for them."""
    parts = [NUMBER.split(text) for text in texts[at : at + 2]]
    if len(parts) < 2 or len(parts[0]) != len(parts[1]) or "for _ in" in texts[at]:
        return 1, ""
    places = [i for i, (a, b) in enumerate(zip(*parts, strict=True)) if a != b]
    name = next((name for name in LOOP_NAMES if not re.search(rf"\b{name}\b", texts[at])), None)
    if len(places) != 1 or not all(part[places[0]].isdigit() for part in parts) or name is None:
        return 1, ""
    place, before, after = places[0], parts[0][: places[0]], parts[0][places[0] + 1 :]
    first = int(parts[0][place])
    step = int(parts[1][place]) - first
    length = 2
    while at + length < len(texts) and texts[at + length] == "".join([*before, str(first + length * step), *after]):
        length += 1
    loop = f"*({''.join([*before, name, *after])} for {name} in range({first}, {first + length * step}, {step}))"
    return (length, loop) if "\n" not in loop and len(loop) < WIDTH - 16 and first + length * step >= 0 else (1, "")


def bracketed(text: str) -> str:
    """An expression as an operand: in parentheses where an operator stands outside of brackets."""
    depth = 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if c == " " and depth == 0:
            return f"({text})"
    return text
