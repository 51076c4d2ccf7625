"""What commands share: the arguments that name a network, how they are read, how diagnostics are shown."""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..diagnostics import Diagnostic, usage
from ..limits import Limits
from ..render import render_text
from ..source import Source
from ..streams import typed

GIVE = "give a file, `-` for standard input, or -e TEXT"
TEXT_NAME = "<command line>"
"""What a text that stands on the command line is called."""
OUTSIDE = "read files outside of the project, and such with several hard links"


def show_diagnostics(diagnostics: list[Diagnostic]) -> None:
    try:
        for diagnostic in diagnostics:
            print(render_text(diagnostic), file=sys.stderr)
    except OSError:  # a stderr that takes nothing hears nothing; the exit status says what it has to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="program to read, - for stdin")
    parser.add_argument("-e", dest="text", metavar="TEXT", help="the program itself instead of a file")
    add_settings(parser)


class Program(NamedTuple):
    """One of several programs of a command line: a file's name, or the text itself."""

    file: str | None
    text: str | None

    @property
    def name(self) -> str:
        return self.file if self.file is not None else TEXT_NAME

    def source(self, limits: Limits) -> Source:
        from ..files import read_source

        return Source(typed(self.text), TEXT_NAME) if self.text is not None else read_source(self.file or "", limits)


class AddPrograms(argparse.Action):
    """Collects files and texts in the order in which they stand."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        more = [Program(None, values)] if option else [Program(file, None) for file in values]
        namespace.programs = [*(getattr(namespace, "programs", None) or ()), *more]


def add_programs(parser: argparse.ArgumentParser, metavar: str | tuple[str, ...], help: str) -> None:
    """Any number of programs, in `programs`."""
    parser.add_argument("files", nargs="*", action=AddPrograms, metavar=metavar, help=help)
    parser.add_argument(
        "-e", action=AddPrograms, dest="text", metavar="TEXT", help="a program itself instead of a file"
    )


def programs_of(args: argparse.Namespace) -> list[Program]:
    """The programs that the arguments name. Raises UsageError (E0501) for none, and for standard input twice."""
    programs: list[Program] = getattr(args, "programs", None) or []
    if not programs:
        raise usage("E0501", path="the network", reason="none is given", help=GIVE)
    if sum(program.file == "-" for program in programs) > 1:
        way = "leave one `-` out, or give a file"
        raise usage("E0501", path="-", reason="standard input can be read only once", help=way)
    return programs


def add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", action="append", metavar="SHAPE", help="input shape, 3x224x224, or NAME=SHAPE for each of several"
    )
    parser.add_argument("-D", dest="define", action="append", metavar="NAME=VALUE", help="value of a build parameter")
    add_limits(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group("limits")
    for name, value in Limits()._asdict().items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            limits.add_argument(flag, action="store_true", default=None, help=OUTSIDE)
        else:
            limits.add_argument(flag, type=positive, metavar="N", help=f"default {value:,}")


def positive(text: str) -> int:
    """A limit from the command line."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number of at least 1 is needed")
    return int(text)


def check_source(args: argparse.Namespace) -> None:
    """Refuse a command line that names no network, or two (E0501)."""
    if (args.text is None) == (args.file is None):
        reason = "none is given" if args.text is None else "a file and a text are given"
        raise usage("E0501", path="the network", reason=reason, help=GIVE)


def refuse_idle(args: argparse.Namespace, names: Iterable[str], beside: str) -> None:
    """Refuse options that something else on the command line leaves without effect (E0580)."""
    for name in names:
        given = getattr(args, name)
        if given is not None and given is not False:  # 0 is a value
            raise usage("E0580", option=f"--{name.replace('_', '-')}", other=beside)


def refuse_idle_force(args: argparse.Namespace, *paths: str | None) -> None:
    """Refuse --force where no file is written (E0580)."""
    if all(path in (None, "-") for path in paths):
        refuse_idle(args, ("force",), "standard output")


def set_defaults(args: argparse.Namespace, defaults: Mapping[str, Any]) -> None:
    """Values for options that are not given, where it had to be known whether they are."""
    for name, value in defaults.items():
        if getattr(args, name) is None:
            setattr(args, name, value)


def network_source(args: argparse.Namespace) -> Any:
    """The text of the network that the arguments name."""
    check_source(args)
    return Program(args.file, args.text).source(limits_of(args))


def read_net(args: argparse.Namespace) -> Any:
    """The compiled network that the arguments name; its warnings go to stderr."""
    from ..net import compile, load

    check_source(args)
    shapes, values, limits = shapes_of(args), definitions_of(args), limits_of(args)
    if args.text is not None:
        net = compile(typed(args.text), shapes, values, name=TEXT_NAME, limits=limits)
    else:
        net = load(args.file, shapes, values, limits=limits)
    show_diagnostics(net.warnings)
    return net


def shapes_of(args: argparse.Namespace) -> Any:
    from ..requests import read_shape

    named: dict[str, Any] = {}
    for text in args.input or ():
        name, _, shape = typed(text).rpartition("=")
        rivals = [n for n in ((name, "") if name else named) if n in named]  # without a name it is for the only input
        if rivals:
            input = f"the input `{name}`" if name else "the input"
            raise usage("E0581", input=input, first=named[rivals[0]], second=text)
        named[name] = shape
    if not named:
        return None
    return read_shape(named[""]) if list(named) == [""] else read_shape(named)


def definitions_of(args: argparse.Namespace) -> dict[str, Any]:
    if not args.define:
        return {}
    from ..reference import read_value

    values = {}
    for text in args.define:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier() or not value.strip():
            raise usage("E0506", text=text)
        if name in values:
            raise usage("E0586", name=name)
        values[name] = read_value(value)
    return values


def limits_of(args: argparse.Namespace) -> Limits:
    given = {name: getattr(args, name) for name in Limits._fields if getattr(args, name) is not None}
    return Limits(**given)


def root_of(args: argparse.Namespace) -> str | None:
    """The project of the network that the arguments name, where its weights must lie; None where they may lie anywhere.

    A weights file comes with a project often enough, and may then be a link to something that nobody meant to read.
    """
    from ..files import project_of

    return project_of(args.file if args.text is None else None, limits_of(args))


def root_of_import(args: argparse.Namespace, path: str) -> str | None:
    """The same for a file that is brought in from elsewhere: what is named outside is meant, what is named inside must
    not lead out."""
    root = root_of(args)
    try:
        inside = root is not None and os.path.commonpath((os.path.abspath(path), root)) == root
    except OSError:  # without a current folder it is not there anyway
        inside = True
    return root if inside else None


def add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace a file that cnnc did not write")


def write_result(out: str, data: bytes, net: Any) -> None:
    """Write what is made of a network, but over none of the files that its layers stand in."""
    from ..writing import keep_used, write_file
    from .watching import files_of

    keep_used(out, files_of(net.graph))
    write_file(out, data)


def given_weights(args: argparse.Namespace) -> Any:
    """The tensors of --weights by name; None without it. Raises UsageError: E0501, E0509, E0520."""
    if args.weights is None:
        return None
    from ...backends.weights import read_tensors

    return read_tensors(args.weights, root_of(args))


def batch_size(text: str) -> int:
    """A number of samples that a model is written or run for."""
    from ..requests import read_batch

    batch = read_batch(text)
    if not isinstance(batch, int):
        raise usage("E0513", text=text)
    return batch
