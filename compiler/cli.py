"""The command line: its arguments, and what becomes of errors."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from .commands import COMMANDS
from .commands.shared import show_diagnostics
from .diagnostics import CnncError, Diagnostic, InternalError, UsageError, show
from .public import fault
from .signals import Terminated
from .signals import status as came

EXAMPLES = """examples:
  cnnc analyze -e 'conv3x3(32, s=2, d=2) -> bn -> relu -> maxpool2' --input 3x224x224
  cnnc analyze examples/resnet50.cnn --by block
  cnnc analyze examples/resnet50.cnn --device h100 --dtype fp16 --batch 32
  cnnc analyze examples/lenet5.cnn --explain
  cnnc fit examples/zoo/mobilenet_v2.cnn --params 5M --macs 300M
  cnnc sweep examples/sweep/mobilenet_mcu.toml -o results.csv --workers all
  cnnc compile examples/resnet50.cnn -D classes=10            # writes resnet50.py
  cnnc compile examples/resnet50.cnn -o resnet50.onnx --inference
  cnnc diff examples/resnet18.cnn examples/resnet50.cnn --by block
  cnnc advise examples/vgg16.cnn --apply 1 -o smaller.cnn
  cnnc draw examples/resnet50.cnn -o resnet50.svg
  cnnc check *.cnn
  cnnc verify examples/resnet50.cnn
  cnnc weights examples/resnet50.cnn --from resnet50.pth -o resnet50.safetensors
  cnnc run examples/resnet50.cnn --input cat.jpg --weights resnet50.safetensors
  cnnc fmt *.cnn
  cnnc layers conv
  cnnc explain E0201

exit status: 0 fine, 1 the network is wrong, 2 the command line is wrong, 3 a fault of cnnc itself,
130 interrupted, 143 terminated"""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What the system says of a stdout that takes no more; files have their own message (`compiler/files.py`)."""


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; nothing escapes as a traceback."""
    argv = sys.argv[1:] if argv is None else argv
    args = make_parser(argv).parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return ended(130)
    except Terminated:
        return ended(143)
    except Exception as error:
        # a library that is interrupted may turn that into an error of its own
        return ended(came()) if came() else refused(error)


def refused(error: Exception) -> int:
    """Say what is wrong, and give the exit status for it."""
    if isinstance(error, CnncError) and not isinstance(error, InternalError):
        show_diagnostics(error.diagnostics)
        flush_stdout()
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        silence_stdout()
        return 0
    if isinstance(error, OSError) and error.errno in FULL:
        silence_stdout()
        show_diagnostics([Diagnostic("E0503", {"path": "standard output", "reason": error.strerror}, None)])
        return UsageError.exit_code
    if os.environ.get("CNNC_TRACEBACK"):
        raise error
    told = error if isinstance(error, InternalError) else fault(error)
    show_diagnostics(told.diagnostics)
    flush_stdout()
    return told.exit_code


def ended(status: int) -> int:
    """What was printed before a signal came is shown, where that can be."""
    flush_stdout()
    return status


def flush_stdout() -> None:
    """Print what waits, on the way out with another status: a stdout that takes no more does not change that."""
    try:
        sys.stdout.flush()
    except OSError:
        silence_stdout()


def silence_stdout() -> None:
    """What is left for stdout leads nowhere, so that closing it stays silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# Arguments


class Parser(argparse.ArgumentParser):
    """Shows what it does not understand without control characters, and no more of it than can be read."""

    def error(self, message: str) -> NoReturn:
        super().error("\n".join(map(show, message.split("\n"))))


def make_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The command line. Only the named command's module is imported; all of them where none is named."""
    from .. import __version__

    parser = Parser(
        prog="cnnc",
        description="Compile convolutional networks: exact shapes and costs, PyTorch source, ONNX.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cnnc {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    named = argv[:1] if argv and argv[0] in COMMANDS else COMMANDS
    for name in named:
        module = import_module(f".commands.{name}", __package__)
        sub = commands.add_parser(
            name, help=module.HELP, description=module.HELP, epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser
