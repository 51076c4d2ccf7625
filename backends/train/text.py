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
