"""`cnnc completion`: a script that completes commands, options and file names in a shell."""

import argparse
import sys

HELP = "Print a script that completes commands and options in a shell."
EXAMPLE = 'eval "$(cnnc completion bash)"'
SHELLS = ("bash", "zsh", "fish")
FILES = ("file", "files", "image", "labels", "output", "plot", "source", "weights")
"""The arguments, by where they are stored, that name files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run(args: argparse.Namespace) -> int:
    from ...backends import packages
    from ..cli import make_parser

    with packages():
        import shtab

        parser = make_parser([])
        mark_files(parser, shtab.FILE)
        script = shtab.complete(parser, args.shell)
    if args.shell == "zsh":  # shtab lets `FILE...` be completed once; `*` at the beginning means every one
        script = script.replace('"(*):', '"*:')
    sys.stdout.write(script)
    return 0


def mark_files(parser: argparse.ArgumentParser, mark: object) -> None:
    """Tell the library which arguments of all commands are completed by file names."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                mark_files(command, mark)
        elif action.dest in FILES and action.nargs != 0:
            action.complete = mark  # type: ignore[attr-defined]
