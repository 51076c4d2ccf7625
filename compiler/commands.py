"""What each command of the command line does: arguments to one API call, its result to stdout, an exit status."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from .diagnostics import CnncError, Diagnostic, usage
from .limits import Limits
from .render import render_text


def show_diagnostics(diagnostics: list[Diagnostic]) -> None:
    for diagnostic in diagnostics:
        print(render_text(diagnostic), file=sys.stderr)


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
    net = read_net(args)
    if args.at is not None:
        net = net.at(**sizes_of(args.at))
    settings = (args.batch, args.dtype, args.convention, args.device)
    if args.print_ir:
        print(net.ir(), end="")
    elif args.explain:
        print(net.explain(batch_size(args.batch)))
    elif args.format == "json":
        print(json.dumps(net.to_dict(*settings, by=args.by), indent=1))
    elif args.format == "table" and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        from .formats import draw

        draw(net.table(args.by, *settings))
    else:
        print(net.report(args.by, *settings, form=args.format), end="")
    return 0


def sizes_of(text: str) -> dict[str, int]:
    """`H=224,W=224` as numbers by symbol. Raises UsageError (E0519)."""
    sizes = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        whole = value.isascii() and value.isdigit() and len(value) < 20
        if not (equals and name.isidentifier() and whole) or name in sizes:
            raise usage("E0519", text=part.strip())
        sizes[name] = int(value)
    return sizes


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
    from .requests import read_shape

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
    """A number of samples that a model is written or run for."""
    from .requests import read_batch

    batch = read_batch(text)
    if not isinstance(batch, int):
        raise usage("E0513", text=text)
    return batch
