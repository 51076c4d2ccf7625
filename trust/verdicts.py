"""What a check says of a program."""


class Disagreement(Exception):
    """Something that must hold does not. `kind` says what, without figures, so that equal faults have one kind."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


def demand(condition: bool, kind: str, detail: str = "") -> None:
    """Raises Disagreement unless the condition holds."""
    if not condition:
        raise Disagreement(kind, detail)
