"""`cnnc fmt`: give programs their canonical layout, in place."""

import argparse
import sys

from ..diagnostics import CnncError, show
from .shared import Program, add_limits, add_programs, limits_of, programs_of, show_diagnostics

HELP = "Give programs their canonical layout, in place."
EXAMPLE = "cnnc fmt examples/*.cnn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_programs(parser, "FILE", "program to rewrite; - and -e go to stdout")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a file would change")
    add_limits(parser)


def run(args: argparse.Namespace) -> int:
    return max([format_program(program, args) for program in programs_of(args)])


def format_program(program: Program, args: argparse.Namespace) -> int:
    """Lay out one program and return the exit status that it calls for."""
    from ..format import format_source
    from ..writing import write_file

    try:
        source = program.source(limits_of(args))
        text = format_source(source, limits_of(args))
        changed = source.altered or text != source.text
        if program.file in (None, "-") and not args.check:
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode())
            return 0
        if changed and not args.check:
            write_file(program.name, text.encode())
    except CnncError as error:
        show_diagnostics(error.diagnostics)
        return error.exit_code
    if changed:
        print(f"{'would format' if args.check else 'formatted'} {show(program.name)}")
    return 1 if changed and args.check else 0
