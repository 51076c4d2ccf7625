"""`cnnc check`: report what is wrong in programs."""

import argparse

from ..diagnostics import CnncError
from .shared import add_settings, definitions_of, limits_of, shapes_of, show_diagnostics

HELP = "Report what is wrong in programs."
EXAMPLE = "cnnc check examples/*.cnn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE")
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    return max(check_file(path, args) for path in args.files)


def check_file(path: str, args: argparse.Namespace) -> int:
    """Report on one file and return the exit status that it calls for."""
    from ..files import project_loader, read_source
    from ..pipeline import compile_source

    try:
        source = read_source(path, limits_of(args))
        loader = project_loader(source, limits_of(args))
        found = compile_source(source, shapes_of(args), definitions_of(args), limits_of(args), loader).diagnostics
    except CnncError as error:
        show_diagnostics(error.diagnostics)
        return error.exit_code
    found = [d for d in found if d.code not in ("E0317", "E0211")]  # a file of blocks is fine, and so is a bare chain
    show_diagnostics(found)
    errors = sum(d.is_error for d in found)
    print(f"{path}: {f'{errors} error' + 's' * (errors > 1) if errors else 'ok'}")
    return 1 if errors else 0
