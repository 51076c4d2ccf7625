"""The one layout of programs: `cnnc fmt`.

Tokens are printed as they were written. So parentheses and spellings stay, every comment does, and only spaces, line
breaks and the commas that may be left out change.
"""

from . import syntax as ast
from .arrange import Formatter
from .comments import comments_of
from .diagnostics import Diagnostic, InternalError, NetworkError, Sink
from .limits import Limits
from .parse import parse
from .pipeline import deep_recursion
from .source import Source


def format_source(source: Source, limits: Limits | None = None) -> str:
    """The program in its canonical layout. Raises NetworkError for a syntax error."""
    limits = limits or Limits()
    with deep_recursion():
        tree = _tree(source, limits)
        text = Formatter(source.text).file(tree)
        if text != source.text:
            _check(source, tree, text, limits)
    return text


def same_meaning(a: ast.File, b: ast.File) -> bool:
    """Whether two syntax trees differ only in positions."""
    pairs: list[tuple[object, object]] = [(a, b)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is not type(right):
            return False
        if not isinstance(left, tuple) or not isinstance(right, tuple):
            if left != right:
                return False
            continue
        if len(left) != len(right):
            return False
        first = 1 if hasattr(left, "_fields") else 0  # the position of a node
        pairs += zip(left[first:], right[first:], strict=True)
    return True


def _tree(source: Source, limits: Limits) -> ast.File:
    sink = Sink()
    tree = parse(source, sink, limits)
    if sink.has_errors:
        raise NetworkError(sink.found)
    return tree


def _check(source: Source, tree: ast.File, text: str, limits: Limits) -> None:
    """Refuse a result that says something else than the program. Raises InternalError."""
    sink = Sink()
    again = parse(Source(text, source.name), sink, limits._replace(max_bytes=max(limits.max_bytes, len(text))))
    if sink.has_errors or not same_meaning(tree, again) or comments_of(text) != comments_of(source.text):
        reason = f"the layout of {source.name} would change its meaning, so nothing was changed"
        raise InternalError([Diagnostic("E0901", {"reason": reason}, None)])
