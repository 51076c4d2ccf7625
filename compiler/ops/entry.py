"""What can be named with arguments without being a layer: methods of initial values, losses, optimizers, schedules."""

from typing import Any, get_args

from .kinds import Kind


class Entry:
    """A name with a signature.

    name       as written in programs; `doc` is its summary
    signature  a NamedTuple class whose annotations carry kinds; its order is the positional order
    """

    suffix = None

    def __init__(self, name: str, signature: type[Any], doc: str = "") -> None:
        self.name = self.family = name
        self.signature = signature
        self.doc = doc
        self.params: dict[str, Kind] = {
            field: next(m for m in get_args(hint) if isinstance(m, Kind))
            for field, hint in signature.__annotations__.items()
        }
