"""The commands, a module each: HELP and EXAMPLE for `--help`, `add_arguments`, and `run`, which gives the exit status.

A command turns arguments into calls of the API and prints what they give; nothing is computed here.
"""

COMMANDS = (
    "compile", "analyze", "draw", "diff", "advise", "fit", "sweep", "check", "verify", "run", "train", "weights", "fmt",
    "new", "layers", "explain", "completion",
)  # fmt: skip
"""The modules of this package that are commands, in the order of `cnnc --help`."""
