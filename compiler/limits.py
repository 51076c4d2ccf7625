"""How much a program may ask for. Each limit is one field here, one diagnostic, and one flag of the same name."""

from typing import NamedTuple

# Facts rather than settings, so without a flag:
MAX_EXTENT = 2**63 - 1  # what an int64 tensor extent, and so every backend, can hold
MAX_NUMBER_BITS = 1024  # the longest integer that arithmetic may produce: beyond it none fits a double
MAX_DIGITS = 300  # of one number in the text, for the same reason
MAX_NAME = 128  # characters of one name in the text; scopes join them, so that names of weights may be longer
MAX_FRAMES = (
    400_000  # calls of Python within calls: about ten for each of `max_calls` nested blocks, with room to spare
)
MAX_ERRORS = 50  # diagnostics shown in one run; more would only repeat the same mistake


class Limits(NamedTuple):
    """The limits of one compilation; `cnnc … --max-layers 5000000` raises the field `max_layers`."""

    max_bytes: int = 16 * 2**20
    """size of one source file"""
    max_nesting: int = 1_200
    """brackets within brackets in the text"""
    max_calls: int = 20_000
    """blocks within blocks; names hold the whole path, so the text of a report grows with the square of the depth"""
    max_layers: int = 1_000_000
    """layers after every repeat, loop and block is expanded"""
    max_built: int = 200_000
    """layers that are built one by one, because they differ or are written separately; equal ones are built once"""
    max_list: int = 100_000
    """entries of one list, tuple or range, with those of the lists in it"""
    max_work: int = 1_000_000
    """steps of evaluation, beyond those that the layers built account for: expressions read, entries of lists made"""
    max_line: int = 2**20
    """characters of one line"""
    allow_outside: bool = False
    """files that a program names may lie outside of its project, or have several hard links: `--allow-outside`"""
