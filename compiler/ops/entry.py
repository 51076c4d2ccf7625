"""What can be named with arguments without being a layer: methods of initial values, losses, optimizers, schedules."""

from collections.abc import Sequence
from typing import Any, get_args

from .kinds import Kind


class Entry:
    """A name with a signature.

    name       as written in programs; `doc` is its summary
    known_as   what other frameworks and papers call it, in their spelling
    signature  a NamedTuple class whose annotations carry kinds; its order is the positional order
    """

    suffix = None

    def __init__(self, name: str, signature: type[Any], doc: str = "", known_as: Sequence[str] = ()) -> None:
        self.name = self.family = name
        self.signature = signature
        self.doc = doc
        self.known_as = tuple(known_as)
        self.params: dict[str, Kind] = {
            field: next(m for m in get_args(hint) if isinstance(m, Kind))
            for field, hint in signature.__annotations__.items()
        }
