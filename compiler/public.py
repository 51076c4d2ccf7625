"""The edge of the Python API: arguments are read before anything is done with them, and a fault is called a fault."""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from .diagnostics import CnncError, Diagnostic, InternalError, NetworkError, usage
from .limits import Limits
from .symbolic import Sym

P = ParamSpec("P")
T = TypeVar("T")
LARGEST = 2**63 - 1
DEEPEST = 60
"""Lists within lists of a parameter's value."""


class Kind(NamedTuple):
    """What an argument may be: `read` gives the value that is worked with, and raises anything for a wrong one."""

    words: str
    read: Callable[[Any], Any]

    def __or__(self, other: "Kind") -> "Kind":
        """Either of two."""

        def read(value: Any) -> Any:
            try:
                return self.read(value)
            except Exception:
                return other.read(value)

        return Kind(f"{self.words} or {other.words}", read)


def public(**kinds: Kind) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A function of the API, with the kinds of its arguments.

    A wrong argument is a UsageError (E0585), before any code of its own class has run unguarded. Whatever else goes
    wrong inside is an InternalError (E0901) that has the exception as its cause. A call that does not fit the
    function's signature stays Python's TypeError, and so does what code of the caller raises (`theirs`).
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        code = function.__code__
        places = [(place, name, kinds[name]) for place, name in enumerate(parameters(code)) if name in kinds]
        assert len(places) == len(kinds), f"{function.__qualname__} lacks an argument of {[*kinds]}"

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            given: list[Any] = list(args)
            named: dict[str, Any] = dict(kwargs)
            for place, name, kind in places:
                if place < len(given):
                    given[place] = read(function, name, kind, given[place])
                elif name in named:
                    named[name] = read(function, name, kind, named[name])
            try:
                return function(*given, **named)
            except (CnncError, MemoryError):
                raise
            except Exception as error:
                if fits_not(error) or getattr(error, "of_caller", False):
                    raise
                raise fault(error) from error

        return call

    return decorate


def parameters(code: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names


def fits_not(error: Exception) -> bool:
    """Whether Python refused the call itself: no frame of the function is in the traceback."""
    return isinstance(error, TypeError) and error.__traceback__ is not None and error.__traceback__.tb_next is None


def fault(error: BaseException) -> CnncError:
    """What is said of an error that nobody caught."""
    if isinstance(error, RecursionError):
        return NetworkError([Diagnostic("E0364", {}, None)])
    try:
        said = str(error)
    except Exception:
        said = ""
    return InternalError([Diagnostic("E0901", {"reason": f"{type(error).__name__}: {said}"}, None)])


def read(function: Any, name: str, kind: Kind, value: Any) -> Any:
    """An argument as its kind has it."""
    try:
        return kind.read(value)
    except CnncError:
        raise
    except Exception:  # of the value's own methods, too
        facts = {"name": name, "function": function.__qualname__, "value": told(value), "wanted": kind.words}
        raise usage("E0585", **facts) from None


def told(value: Any) -> str:
    """A value in an error message. Only of plain ones more is said than their type; the methods of others may fail."""
    if value is None or type(value) in (bool, float):
        return repr(value)
    if type(value) is int:
        return repr(value) if value.bit_length() <= 256 else "an integer too large"
    if type(value) is str:
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return f"of the type {type(value).__name__}"


def theirs(function: Callable[P, T]) -> Callable[P, T]:
    """A function that the caller gave: what it raises is the caller's, and no fault of cnnc."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            error.of_caller = True  # type: ignore[attr-defined]
            raise

    return call


# Kinds


def instance(words: str, *types: type) -> Kind:
    def read(value: Any) -> Any:
        if not issubclass(type(value), types):
            raise TypeError
        return value

    return Kind(words, read)


def mapping(words: str, read_value: Callable[[Any], Any] = lambda value: value) -> Kind:
    """A dictionary, read once, with text as its keys."""

    def read(value: Any) -> dict[str, Any]:
        if not issubclass(type(value), Mapping):
            raise TypeError
        return {_text(name): read_value(value[name]) for name in value}

    return Kind(words, read)


def _text(value: Any) -> str:
    """Plain text, also of a subclass with methods of its own."""
    if not issubclass(type(value), str):
        raise TypeError
    return "".join(str.__iter__(value)) if type(value) is not str else value


def _path(value: Any) -> str:
    return _text(value if issubclass(type(value), str) else os.fspath(value))


def _whole(value: Any) -> int:
    if issubclass(type(value), bool):
        raise TypeError
    number = type(value).__index__(value)
    if type(number) is not int or not -LARGEST <= number <= LARGEST:
        raise ValueError
    return number


def _real(value: Any) -> int | float:
    """A finite number."""
    if issubclass(type(value), bool):
        raise TypeError
    number = _whole(value) if hasattr(type(value), "__index__") else float(type(value).__float__(value))
    if number != number or abs(number) > LARGEST:
        raise ValueError
    return number


def _flag(value: Any) -> bool:
    """True or false, NumPy's too."""
    if type(value) is not bool and type(value).__name__ not in ("bool_", "bool"):
        raise TypeError
    return bool(value)


def _limits(value: Any) -> Limits:
    if not issubclass(type(value), Limits):
        raise TypeError
    *numbers, allow_outside = tuple.__iter__(value)
    numbers = [_whole(number) for number in numbers]
    if min(numbers) < 1:
        raise ValueError
    return Limits(*numbers)._replace(allow_outside=_flag(allow_outside))


def _data(value: Any, depth: int = 0) -> Any:
    """A value of the language: a number, truth value or word, or a list of them."""
    if type(value) in (bool, int, float, str):
        return value
    if type(value).__module__ == "numpy":
        return _data(value.tolist(), depth)
    if issubclass(type(value), (list, tuple)):
        if depth > DEEPEST:  # a list may hold itself
            raise ValueError
        return tuple([_data(part, depth + 1) for part in list(value)])
    if hasattr(type(value), "__index__"):
        return _whole(value)
    return _text(value)


def _shape(value: Any) -> Any:
    """A shape, or several by name, in plain types; whether it makes sense is not asked here."""
    if value is None or issubclass(type(value), str):
        return value if value is None else _text(value)
    if issubclass(type(value), Mapping):
        return {_text(name): _extents(value[name]) for name in value}
    return _extents(value)


def _extents(value: Any) -> Any:
    if issubclass(type(value), str):
        return _text(value)
    kind = type(value)
    if issubclass(kind, (bytes, bytearray, Mapping)) or not (hasattr(kind, "__getitem__") and hasattr(kind, "__len__")):
        raise TypeError
    if len(value) > 16:
        raise ValueError
    return tuple(_extent(part) for part in list(value))


def _extent(value: Any) -> Any:
    """An extent: a whole number, or what stands for one. Of a fraction nothing is cut off."""
    if issubclass(type(value), Sym):
        return value
    if issubclass(type(value), str):
        return _text(value)
    return value if type(value) is int else _whole(value)


def _bounds(value: Any) -> tuple[Any, ...]:
    if issubclass(type(value), (str, bytes, Mapping)) or len(value) > DEEPEST:
        raise TypeError
    return tuple([_real(part) for part in list(value)])


def _toml(value: Any, depth: int = 0) -> Any:
    """What a TOML file may hold, dates aside."""
    if depth > DEEPEST:
        raise ValueError
    if issubclass(type(value), Mapping):
        return {_text(name): _toml(value[name], depth + 1) for name in value}
    if issubclass(type(value), (list, tuple)):
        return [_toml(part, depth + 1) for part in list(value)]
    return _data(value)


def _words(value: Any) -> tuple[str, ...]:
    if issubclass(type(value), (str, bytes, Mapping)):
        raise TypeError
    return tuple(_text(word) for word in value)


def _function(value: Any) -> Any:
    if not callable(value):
        raise TypeError
    return theirs(value)


FORMULA = instance("a formula", Sym)
NONE = instance("None", type(None))
TEXT = Kind("text", _text)
PATH = Kind("a path as text or a Path", _path)
WHOLE = Kind("a whole number", _whole)
REAL = Kind("a number", _real)
FLAG = Kind("True or False", _flag)
LIMITS = Kind("a Limits with numbers of at least 1", _limits)
PARAMS = mapping("a dictionary from names to numbers, truth values, words or lists of them", _data)
RANGES = mapping("a dictionary from names to (low, high) or (low, high, step)", _bounds)
TABLE = mapping("a dictionary with what a TOML file may hold", _toml)
SHAPE = Kind('a shape such as (3, 224, 224) or "3x224x224", or a dictionary of them', _shape)
WORDS = Kind("a list of names", _words)
FUNCTION = Kind("a function", _function)
