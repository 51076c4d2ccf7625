"""The command line: arguments to one API call, its result to stdout, remarks to stderr, an exit status."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .diagnostics import CnncError, Diagnostic, InternalError, usage
from .limits import Limits
from .render import render_text

EXAMPLES = """examples:
  cnnc analyze -e 'conv3x3(32, s=2, d=2) -> bn -> relu -> maxpool2' --input 3x224x224
  cnnc analyze examples/resnet50.cnn --by block
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


def show_diagnostics(diagnostics: list[Diagnostic]) -> None:
    for diagnostic in diagnostics:
        print(render_text(diagnostic), file=sys.stderr)


# Commands


def run_compile(args: argparse.Namespace) -> int:
    from ..backends import TARGETS
    from .files import write_file

    target, out = choose_target(args, TARGETS)
    net = read_net(args)
    if target == "onnx":
        data = onnx_bytes(args, net, out)
    else:
        if args.weights is not None:
            from ..backends.weights import read_weights

            read_weights(args.weights, net.graph)
        data = net.torch_source().encode()
    if out == "-":
        sys.stdout.buffer.write(data)
        return 0
    if target != "onnx":
        write_file(out, data)
    print(f"wrote {out}: {net.name}, {net.params:,} parameters, {net.macs:,} MACs")
    if args.weights is not None and target == "torch":
        print(f"the weights in {args.weights} fit: load them with load_state_dict", file=sys.stderr)
    return 0


def onnx_bytes(args: argparse.Namespace, net: Any, out: str) -> bytes:
    """The model's bytes for stdout, or nothing once it is written to a file."""
    batch = args.batch if args.batch == "dynamic" else batch_size(args.batch)
    model = net.to_onnx(
        None if out == "-" else out,
        batch=batch,
        seed=args.seed,
        weights=args.weights,
        opset=args.opset,
        inference=args.inference,
    )
    return bytes(model.SerializeToString(deterministic=True)) if out == "-" else b""


def choose_target(args: argparse.Namespace, targets: dict[str, str]) -> tuple[str, str]:
    """The target and the output path: from --to, from the ending of -o, else PyTorch beside nobody's file."""
    target, out = args.to, args.output
    if target is None:
        ending = Path(out).suffix if out not in (None, "-") else ".py"
        target = next((name for name, suffix in targets.items() if suffix == ending), None)
        if target is None:
            raise usage("E0504", name=ending or out, known=", ".join(f"{n} ({s})" for n, s in targets.items()))
    if target not in targets:
        raise usage("E0504", name=target, known=", ".join(targets))
    if out is None:
        stem = "net" if args.text is not None or args.file == "-" else Path(args.file).stem
        out = f"{stem}{targets[target]}"
    if args.file not in (None, "-") and out != "-" and Path(out).exists() and Path(out).samefile(args.file):
        raise usage("E0503", path=out, reason="it is the program itself")
    return target, out


def run_analyze(args: argparse.Namespace) -> int:
    batch = batch_size(args.batch)
    net = read_net(args)
    if args.print_ir:
        print(net.ir(), end="")
    elif args.format == "json":
        report = net.to_dict(batch, args.dtype, args.convention)
        if args.by != "layer":
            report["groups"] = group_dicts(net, args.by, batch)
        print(json.dumps(report, indent=1))
    elif sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        from .pipeline import deep_recursion
        from .table import draw_table

        with deep_recursion():
            draw_table(net.graph, net.totals, args.by, batch, args.dtype, args.convention)
    else:
        print(net.report(args.by, batch, args.dtype, args.convention))
    return 0


def group_dicts(net: Any, by: str, batch: int) -> list[dict[str, Any]]:
    from .report import by_block, by_op

    groups = by_op(net.graph) if by == "op" else by_block(net.graph)
    return [
        {
            "name": g.name,
            "layers": g.layers,
            "params": g.params,
            "macs": batch * g.work.mac,
            "flops": 2 * batch * g.work.mac,
        }
        for g in groups
    ]


def run_check(args: argparse.Namespace) -> int:
    return max(check_file(path, args) for path in args.files)


def check_file(path: str, args: argparse.Namespace) -> int:
    """Report on one file and return the exit status that it calls for."""
    from .files import project_loader, read_source
    from .pipeline import compile_source

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


def run_fmt(args: argparse.Namespace) -> int:
    return max([format_file(path, args) for path in args.files])


def format_file(path: str, args: argparse.Namespace) -> int:
    """Lay out one file and return the exit status that it calls for."""
    from .files import read_source, write_file
    from .format import format_source

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


def run_verify(args: argparse.Namespace) -> int:
    """Exit status 1 where a backend differs from the reference."""
    batch = batch_size(args.batch)
    net = read_net(args)
    found = net.verify(seed=args.seed, batch=batch, on=args.on)
    from .verify import describe

    print(describe(net.name, found, args.seed, batch))
    return 0 if all(comparison.ok for comparison in found) else 1


def run_weights(args: argparse.Namespace) -> int:
    """Print which foreign tensor becomes which of the network's; with -o write them under its names."""
    from ..backends.mapping import describe, map_weights, save, taken_over

    net = read_net(args)
    net.needs_numbers()
    pairs, way, found = map_weights(net.graph, Path(args.source), args.order)
    print(describe(pairs, way))
    if args.output is not None:
        save(Path(args.output), taken_over(pairs, found, net.graph))
        print(f"wrote {args.output}", file=sys.stderr)
    return 0


def run_layers(args: argparse.Namespace) -> int:
    from .reference import describe_all, describe_layer

    print(describe_layer(args.name) if args.name else describe_all())
    return 0


def run_explain(args: argparse.Namespace) -> int:
    from .reference import describe_code

    print(describe_code(args.code))
    return 0


# Arguments


def read_net(args: argparse.Namespace) -> Any:
    """The compiled network that the arguments name; its warnings go to stderr."""
    from .net import compile, load

    if (args.text is None) == (args.file is None):
        raise usage("E0501", path="the network", reason="give a file, `-`, or -e TEXT")
    shapes, values, limits = shapes_of(args), definitions_of(args), limits_of(args)
    if args.text is not None:
        net = compile(args.text, shapes, values, name="<command line>", limits=limits)
    else:
        net = load(args.file, shapes, values, limits=limits)
    show_diagnostics(net.warnings)
    return net


def shapes_of(args: argparse.Namespace) -> Any:
    from .net import read_shape

    named = {name: shape for name, _, shape in (text.rpartition("=") for text in args.input or ())}
    if not named:
        return None
    return read_shape(named[""]) if list(named) == [""] else read_shape(named)


def definitions_of(args: argparse.Namespace) -> dict[str, Any]:
    from .reference import read_value

    values = {}
    for text in args.define or ():
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise usage("E0506", text=text)
        values[name] = read_value(value)
    return values


def limits_of(args: argparse.Namespace) -> Limits:
    given = {name: getattr(args, name) for name in Limits._fields if getattr(args, name) is not None}
    return Limits(**given)


def batch_size(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) < 2**31:
        raise usage("E0513", text=text)
    return int(text)


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
    sub.add_argument("--print-ir", action="store_true", help="print the intermediate representation instead")
    sub.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    sub.add_argument(
        "--batch", default="1", metavar="N", help="batch size of shapes, operations and memory (default 1)"
    )
    sub.add_argument("--dtype", choices=("fp32", "fp16", "bf16", "int8"), default="fp32", help="of memory figures")
    sub.add_argument(
        "--convention", choices=("torchvision", "torch"), default="torchvision", help="what an operation is"
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
