"""`cnnc fmt`: give programs their canonical layout, in place."""

import argparse
import sys

from ..diagnostics import CnncError
from .shared import add_limits, limits_of, show_diagnostics

HELP = "Give programs their canonical layout, in place."
EXAMPLE = "cnnc fmt examples/*.cnn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="program to rewrite, - for stdin to stdout")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a file would change")
    add_limits(parser)


def run(args: argparse.Namespace) -> int:
    return max([format_file(path, args) for path in args.files])


def format_file(path: str, args: argparse.Namespace) -> int:
    """Lay out one file and return the exit status that it calls for."""
    from ..files import read_source
    from ..format import format_source
    from ..writing import write_file

    try:
        source = read_source(path, limits_of(args))
        text = format_source(source, limits_of(args))
        changed = source.altered or text != source.text
        if path == "-" and not args.check:
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode())
            return 0
        if changed and not args.check:
            write_file(path, text.encode())
    except CnncError as error:
        show_diagnostics(error.diagnostics)
        return error.exit_code
    if changed:
        print(f"{'would format' if args.check else 'formatted'} {path}")
    return 1 if changed and args.check else 0
