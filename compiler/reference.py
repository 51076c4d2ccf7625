"""The reference of layers, diagnostics and devices, generated from their entries."""

import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from typing import Any

from . import syntax as ast
from .catalogue import CATALOGUE
from .diagnostics import Sink, similar, usage
from .elaborate.evaluate import Evaluator
from .elaborate.foreign import called_here, layer_here
from .elaborate.names import COMBINATORS
from .elaborate.plans import Plans
from .elaborate.scope import Env, Problem, Scope
from .limits import Limits
from .ops import NAMES, REGISTRY
from .ops.composite import COMPOSITES
from .ops.entry import Entry
from .ops.kinds import REQUIRED, Kind, Optional
from .parse import parse
from .recipe.losses import LOSSES, Loss
from .recipe.optimizers import OPTIMIZERS
from .recipe.options import AUGMENTS, CLIPS
from .recipe.schedules import SCHEDULES
from .source import Source

TRAINING: dict[str, Mapping[str, Entry]] = {
    "losses": LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "augmentations": AUGMENTS,
    "ways to clip": CLIPS,
}
"""What a `train` section chooses from."""


def entries() -> dict[str, Any]:
    """Every layer that a program can name, by its main name."""
    ops = {op.name: op for op in REGISTRY.values() if not op.operator}
    return dict(sorted({**ops, **COMPOSITES}.items()))


def describe_all() -> str:
    """One line a layer."""
    lines = [
        f"{signature(entry):60} {entry.doc}"
        if len(signature(entry)) < 60
        else f"{signature(entry)}\n{'':60} {entry.doc}"
        for entry in entries().values()
    ]
    lines += [f"{name:60} {c.doc}" for name, c in COMBINATORS.items()]
    for what, table in TRAINING.items():
        lines += ["", f"{what} of a train section:"]
        lines += [f"{signature(entry)}\n{'':60} {entry.doc}" for entry in table.values()]
    return "\n".join(lines)


def signature(entry: Any) -> str:
    """`conv(c, k, s=1, …)` as the reference writes it."""
    params = [
        f"{name}={show_default(kind)}" if kind.default is not REQUIRED else name for name, kind in entry.params.items()
    ]
    return f"{entry.name}({', '.join(params)})" if params else str(entry.name)


def show_default(kind: Kind) -> str:
    if isinstance(kind, Optional):
        return kind.otherwise.replace(" ", "_")
    default = kind.default
    return str(default).lower() if isinstance(default, bool) else str(default)


def describe_layer(name: str) -> str:
    """A layer's signature, arguments and uses, or those of a loss, an optimizer, a schedule.

    Raises UsageError (E0510) for an unknown name.
    """
    entry = NAMES.get(name) or COMPOSITES.get(name)
    training = [(what, table[name]) for what, table in TRAINING.items() if name in table]
    if entry is None:
        if name in COMBINATORS:
            return f"{name}\n\n{COMBINATORS[name].doc}"
        if training:
            return "\n\n".join(describe_choice(what, found) for what, found in training)
        raise usage("E0510", name=name, help=_way_out(name))
    lines = [signature(entry), "", entry.doc]
    if entry.aliases:
        lines.append(f"Also written {', '.join(entry.aliases)}.")
    if entry.known_as:
        lines.append(f"Elsewhere called {', '.join(entry.known_as)}.")
    lines += describe_params(entry, "arguments, in positional order:")
    if entry.suffix:
        lines += ["", f"A kernel suffix sets {entry.suffix}: {entry.name}3, {entry.name}3x3."]
    lines += ["", "uses (chain @ input shape):", *(f"  {sample}" for sample in entry.samples)]
    return "\n".join(lines)


def _way_out(name: str) -> str:
    """What to ask for instead of an unknown name."""
    tables = [entry for table in TRAINING.values() for entry in table.values()]
    here = layer_here(name) or called_here(name, tables)
    if here:
        return here
    close = similar(name, [*NAMES, *COMPOSITES, *COMBINATORS, *chain(*TRAINING.values())], 0.6)
    return f"did you mean `{close[0]}`?" if close else "`cnnc layers` lists all layers"


def describe_params(entry: Any, head: str) -> list[str]:
    """A line for each parameter."""
    if not entry.params:
        return []
    width, lines = max(map(len, entry.params)), ["", head]
    for param, kind in entry.params.items():
        default = "" if kind.default is REQUIRED else f" (default {show_default(kind)})"
        lines.append(f"  {param:{width}}  {kind.doc}: {kind.type_name}{default}")
    return lines


def describe_choice(what: str, entry: Entry) -> str:
    """An entry of a `train` section: signature, formula and its source, arguments."""
    lines = [signature(entry), "", f"{entry.doc} One of the {what} of a train section."]
    for title in ("formula", "update", "source"):
        text = getattr(entry, title, "")
        lines += [f"{title:8} {text}"] if text else []
    head = "settings, by name after the outputs:" if isinstance(entry, Loss) else "arguments, in positional order:"
    return "\n".join(lines + describe_params(entry, head))


def describe_code(code: str) -> str:
    """What a diagnostic means. Raises UsageError (E0511) for an unknown code."""
    entry = CATALOGUE.get(code.upper())
    if entry is None:
        raise usage("E0511", wanted=code)
    title, way = (re.sub(r"\{\w+\}", "…", text) for text in (entry.title, entry.help))
    lines = [f"{code.upper()}: {title}", "", entry.explain.replace("{{", "{").replace("}}", "}")]
    return "\n".join(lines if way == "…" else [*lines, "", f"help: {way}"])


DEVICES = """# Devices

What `cnnc analyze --device NAME` knows, as its makers published it; this page is written from
[compiler/devices.toml](../compiler/devices.toml). Memory and bandwidth are in GB and GB/s (10⁹ bytes), rates in 10¹²
operations per second, a multiply-add counting two and sparsity counting nothing. *Vector* is the rate outside of the
matrix units, in fp32; the other rates are those of matrices, of which tf32 is for the record only. A dash stands where
the hardware has no such rate or nobody has published it.

The time of a layer is the longer of its operations at these rates and its bytes at this bandwidth (Williams, Waterman
and Patterson, *Roofline*, CACM 2009). No layer is fused with the next, and no device reaches its peak.

## A device of your own

`--device my.toml` takes the device that a file describes, `--device my.toml:edge` one of several. Numbers are bytes,
bytes per second and operations per second. `memory`, `bandwidth`, `vector` and one `peak` are needed; `storage` is for
a device that keeps weights in a memory of their own, such as flash.

```toml
[edge]
description = "an accelerator"
memory = 4_000_000_000
storage = 16_000_000
bandwidth = 25.6e9
vector = 0.1e12
peak = { fp32 = 0.1e12, int8 = 4e12 }
source = "its datasheet, 2024"
```

## The table

"""


def describe_devices() -> str:
    """The page docs/devices.md."""
    from .devices import BUNDLED, PEAKS, read_devices

    head = ["name", "device", "memory", "bandwidth", "vector", *PEAKS, "source"]
    lines = [f"| {' | '.join(head)} |", f"|---|---|{'---:|' * (len(head) - 3)}---|"]
    for device in read_devices(str(BUNDLED)).values():
        rates = [f"{device.peak[p] / 1e12:.6g}" if p in device.peak else "–" for p in PEAKS]
        memory = f"{device.memory / 1e9:.4g}" + (f" + {device.storage / 1e9:.4g}" if device.storage else "")
        cells = [f"`{device.name}`", device.description, memory, f"{device.bandwidth / 1e9:g}"]
        lines.append(f"| {' | '.join([*cells, f'{device.vector / 1e12:g}', *rates, device.source])} |")
    return DEVICES + "\n".join(lines) + "\n"


def read_value(text: str) -> Any:
    """A build parameter's value as the language writes it, such as 10, true or (1, 2). Raises UsageError (E0506)."""
    if text.isidentifier() and text not in ("true", "false"):
        return text  # a word, or the name of a layer where the parameter is one
    sink = Sink()
    items = parse(Source(f"value = {text}"), sink, Limits()).items
    if not sink.has_errors and len(items) == 1 and isinstance(items[0], ast.Binding):
        env = Env(Source(text), None, Scope(None), 0)
        with suppress(Problem):
            value = Evaluator(sink, Limits(), Plans()).evaluate(items[0].define.value, env)
            if isinstance(value, (bool, int, float, str, tuple)):
                return value
    raise usage("E0506", text=text)
