"""`cnnc check`: report what is wrong in programs."""

import argparse

from ..diagnostics import CnncError, show
from .shared import (
    Program,
    add_programs,
    add_settings,
    definitions_of,
    limits_of,
    programs_of,
    shapes_of,
    show_diagnostics,
)

HELP = "Report what is wrong in programs."
EXAMPLE = "cnnc check examples/*.cnn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_programs(parser, "FILE", "program to check, - for stdin")
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    return max([check_program(program, args) for program in programs_of(args)])


def check_program(program: Program, args: argparse.Namespace) -> int:
    """Report on one program and return the exit status that it calls for."""
    from ..files import project_loader
    from ..pipeline import compile_source, to_check

    try:
        source = program.source(limits_of(args))
        loader = project_loader(source, limits_of(args))
        result = compile_source(source, shapes_of(args), definitions_of(args), limits_of(args), loader)
    except CnncError as error:
        show_diagnostics(error.diagnostics)
        return error.exit_code
    found = to_check(result.diagnostics)
    show_diagnostics(found)
    errors = sum(d.is_error for d in found)
    print(f"{show(program.name)}: {f'{errors} error' + 's' * (errors > 1) if errors else 'ok'}")
    return 1 if errors else 0
