"""The work of evaluation, counted over a whole program: what is computed takes time and memory before layers do."""

from typing import Any

STEPS_A_LAYER = 20
"""What each layer that is built may take besides; their number is limited by itself."""

STEPS_AN_INSTANCE = 30
"""What an instance of a block counts that is built and not found again."""


class Budget:
    """The steps taken, the most that may be, and the sizes of lists of lists.

    An expression read or applied is a step, and so is each entry of a list that is made, compared, added up or handed
    to a block.
    """

    __slots__ = ("_sizes", "allowed", "most", "spent")

    def __init__(self, most: int) -> None:
        self.most = most
        self.allowed = most
        self.spent = 0
        self._sizes: dict[int, tuple[tuple[Any, ...], int]] = {}

    def size(self, value: Any) -> int:
        """The entries of a list, with those of the lists in it; 1 for any other value.

        A list that stands in another several times counts as often, since whoever compares or prints it meets it as
        often. Sizes are remembered by identity, together with the list, so that none is gone through twice.
        """
        if not isinstance(value, tuple):
            return 1
        known = self._sizes.get(id(value))
        if known is None:
            nested = sum([self.size(entry) for entry in value if isinstance(entry, tuple)])
            known = self._sizes[id(value)] = (value, len(value) + nested)
        return known[1]
