"""The command line: its arguments, and what becomes of errors."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from .commands import (
    run_analyze,
    run_check,
    run_compile,
    run_explain,
    run_fmt,
    run_layers,
    run_verify,
    run_weights,
    show_diagnostics,
)
from .diagnostics import CnncError, Diagnostic, InternalError
from .limits import Limits

EXAMPLES = """examples:
  cnnc analyze -e 'conv3x3(32, s=2, d=2) -> bn -> relu -> maxpool2' --input 3x224x224
  cnnc analyze examples/resnet50.cnn --by block
  cnnc analyze examples/resnet50.cnn --device h100 --dtype fp16 --batch 32
  cnnc analyze examples/lenet5.cnn --explain
  cnnc compile examples/resnet50.cnn -D classes=10            # writes resnet50.py
  cnnc compile examples/resnet50.cnn -o resnet50.onnx --inference
  cnnc check *.cnn
  cnnc verify examples/resnet50.cnn
  cnnc weights examples/resnet50.cnn --from resnet50.pth -o resnet50.safetensors
  cnnc fmt *.cnn
  cnnc layers conv
  cnnc explain E0201

exit status: 0 fine, 1 the network is wrong, 2 the command line is wrong, 3 a fault of cnnc itself"""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The `cnnc` command."""
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; nothing escapes as a traceback."""
    args = make_parser().parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except CnncError as error:
        show_diagnostics(error.diagnostics)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing stdout stays silent
        return 0
    except KeyboardInterrupt:
        return 130
    except (Exception, RecursionError) as error:
        if os.environ.get("CNNC_TRACEBACK"):
            raise
        reason = f"{type(error).__name__}: {error}; set CNNC_TRACEBACK=1 to see where"
        show_diagnostics([Diagnostic("E0901", {"reason": reason}, None)])
        return InternalError.exit_code


# Arguments


def positive(text: str) -> int:
    """A limit from the command line."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number of at least 1 is needed")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    from .. import __version__

    parser = argparse.ArgumentParser(
        prog="cnnc",
        description="Compile convolutional networks: exact shapes and costs, PyTorch source, ONNX.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cnnc {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, function: Callable[[argparse.Namespace], int], text: str, example: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(run=function)
        return sub

    sub = command(
        "compile", run_compile, "Write PyTorch source or an ONNX model.", "cnnc compile resnet50.cnn -o resnet50.onnx"
    )
    add_network(sub)
    sub.add_argument("--to", metavar="TARGET", help="torch or onnx; otherwise the ending of -o decides, else torch")
    sub.add_argument("-o", "--output", metavar="OUT", help="file to write, - for stdout (default: the program's name)")
    sub.add_argument("--batch", default="dynamic", metavar="N", help="ONNX: batch size, or dynamic (default)")
    sub.add_argument("--weights", metavar="FILE", help="take weights from a .safetensors or .pth file")
    sub.add_argument("--seed", type=int, default=0, metavar="N", help="ONNX: seed of the initial weights (default 0)")
    sub.add_argument("--opset", type=int, metavar="N", help="ONNX: operator set (default 20)")
    sub.add_argument("--inference", action="store_true", help="ONNX: fold batch normalisation, drop dropout")

    sub = command(
        "analyze",
        run_analyze,
        "Print shapes, parameters, operations and memory.",
        "cnnc analyze resnet50.cnn --by block",
    )
    add_network(sub)
    sub.add_argument(
        "--by", choices=("layer", "block", "op"), default="layer", help="one line for each (default: layer)"
    )
    sub.add_argument("--explain", action="store_true", help="print every figure as its formula with numbers instead")
    sub.add_argument("--print-ir", action="store_true", help="print the intermediate representation instead")
    sub.add_argument("--format", choices=("table", "json", "csv", "md"), default="table", help="default: table")
    sub.add_argument("--at", metavar="H=N,W=N", help="numbers for the symbols of an input such as 3xHxW")
    sub.add_argument(
        "--batch",
        default="1",
        metavar="N",
        help="batch size of shapes and costs (default 1), or a letter for formulas",
    )
    sub.add_argument(
        "--dtype", choices=("fp32", "fp16", "bf16", "int8"), default="fp32", help="of memory figures and times"
    )
    sub.add_argument(
        "--convention",
        default="torchvision",
        metavar="NAME",
        help="whose way to count: torchvision (default), torch, fvcore, ptflops, ptflops-aten, thop or torchinfo",
    )
    sub.add_argument(
        "--device",
        metavar="NAME|FILE",
        help="add the roofline model's least times on a device, such as h100 or cpu, or one of a .toml file",
    )

    sub = command("check", run_check, "Report what is wrong in programs.", "cnnc check examples/*.cnn")
    sub.add_argument("files", nargs="+", metavar="FILE")
    add_settings(sub)

    sub = command("fmt", run_fmt, "Give programs their canonical layout, in place.", "cnnc fmt examples/*.cnn")
    sub.add_argument("files", nargs="+", metavar="FILE", help="program to rewrite, - for stdin to stdout")
    sub.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a file would change")
    add_limits(sub)

    sub = command(
        "verify",
        run_verify,
        "Compare PyTorch and ONNX Runtime with NumPy on random weights and inputs.",
        "cnnc verify resnet50.cnn",
    )
    add_network(sub)
    sub.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and inputs (default 0)")
    sub.add_argument("--batch", default="2", metavar="N", help="batch size (default 2)")
    sub.add_argument("--on", choices=("cpu", "cuda"), default="cpu", help="where the backends run (default: cpu)")

    sub = command(
        "weights",
        run_weights,
        "Map a foreign state_dict onto a network, by name or else by order and shape.",
        "cnnc weights net.cnn --from model.pth -o net.safetensors",
    )
    add_network(sub)
    sub.add_argument("--from", dest="source", required=True, metavar="W", help=".safetensors or .pth file to read")
    sub.add_argument("-o", "--output", metavar="OUT", help="write them under the network's names, as .safetensors")
    sub.add_argument(
        "--order", choices=("file", "name"), default="file", help="of layers that are alike (default: the file's)"
    )

    sub = command("layers", run_layers, "List the layers, or describe one.", "cnnc layers conv")
    sub.add_argument("name", nargs="?", metavar="NAME")
    sub = command("explain", run_explain, "Describe a diagnostic.", "cnnc explain E0201")
    sub.add_argument("code", metavar="CODE")
    return parser


def add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="program to read, - for stdin")
    parser.add_argument("-e", dest="text", metavar="TEXT", help="the program itself instead of a file")
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", action="append", metavar="SHAPE", help="input shape, 3x224x224, or NAME=SHAPE for each of several"
    )
    parser.add_argument("-D", dest="define", action="append", metavar="NAME=VALUE", help="value of a build parameter")
    add_limits(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group("limits")
    for name, value in Limits()._asdict().items():
        limits.add_argument(f"--{name.replace('_', '-')}", type=positive, metavar="N", help=f"default {value:,}")
