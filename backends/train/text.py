"""Calls as source text."""

from typing import Any


def call(function: str, *args: str, **given: tuple[Any, Any]) -> str:
    """A call with positional expressions, and `name=(value, default)` for those whose value is not the default.

    A string is an expression.
    """
    named = [f"{name}={literal(value)}" for name, (value, default) in given.items() if value != default]
    return f"{function}({', '.join([*args, *named])})"


def literal(value: Any) -> str:
    """A value as a person writes it; a string is an expression already."""
    return value if isinstance(value, str) else repr(value)


def wrapped(line: str, width: int = 110) -> list[str]:
    """A statement that ends in a call, with an argument a line where it is long."""
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    head, _, rest = line.partition("(")
    arguments, depth = [""], 0
    for c in rest[:-1]:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            arguments.append("")
        else:
            arguments[-1] += c
    return [f"{head}(", *(f"{indent}    {argument.strip()}," for argument in arguments), f"{indent})"]


BOUND = frozenset(
    (
        *("Arrays", "AveragedModel", "Batches", "DataLoader", "Dataset", "Fabric", "Folder", "Log", "Masks", "Path"),
        *("Sampler", "Samples", "Subset", "SummaryWriter", "Trainer", "Tuples"),
        *(
            "AUGMENT",
            "BATCH",
            "BORDER",
            "BadData",
            "DATA",
            "EMA",
            "EPOCHS",
            "INPUTS",
            "L1",
            "MIX",
            "OUTPUTS",
            "PRECISION",
            "SEED",
            "SHAPES",
        ),
        *("SOURCES", "TARGETS", "TORCHVISION"),
    )
)
"""What the script calls by a name with a capital; a class of the model must not take its place."""
