"""Run by `test_determinism.py` in an environment of its own: digests of all that cnnc writes, as JSON."""

import contextlib
import hashlib
import io
import json
import locale
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cnnc
from cnnc.backends import onnx as target
from cnnc.compiler.cli import run
from cnnc.compiler.sweep.results import read_results

ROOT = Path(__file__).resolve().parent.parent
FILES = ("resnet18", "mobilenetv2", "unet", "siamese", "train/digits", "zoo/shufflenet_v2")
WRONG = "block a(c, c) = rellu -> conv3x3(c)\ninput 3x8x8 -> a -> b -> conv99x99(4)\ninput z: 3 output y = q"


def digest(data: Any) -> str:
    raw = data if isinstance(data, bytes) else str(data).encode()
    return hashlib.sha256(raw).hexdigest()[:16]


def written(net: cnnc.Net, name: str, weights: bool) -> dict[str, str]:
    """The results of one network."""
    found: dict[str, Any] = {
        "torch": net.torch_source(),
        "html": net.to_html(),
        "json": json.dumps(net.to_dict(by="block")),
        "ir": net.ir(),
        "explain": net.explain(),
        **{form: net.report(form=form) for form in ("table", "csv", "md")},
        **{form: net.draw(form) for form in ("svg", "dot", "mermaid")},
    }
    if net.graph.recipe is not None:
        found["train"] = net.train_source()
    if weights:
        found["onnx"] = net.to_onnx(seed=3).SerializeToString(deterministic=True)
    return {f"{name} {form}": digest(data) for form, data in found.items()}


def command(*argv: str) -> str:
    """What a command prints on its two streams, which are pipes here."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(argv)
    return digest(f"{status}\n{out.getvalue()}\n{err.getvalue()}")


def files(folder: Path) -> dict[str, str]:
    """What is written to files: a model with external data, a sweep, a formatted program, a new one."""
    net = cnnc.load(ROOT / "examples/lenet5.cnn")
    target.INLINE_LIMIT = 1000
    net.to_onnx(folder / "net.onnx")
    program = folder / "p.cnn"
    program.write_text("net n(c=4)   input 3x8x8->conv3x3( c )->relu # comment\n", encoding="utf-8")
    swept = cnnc.sweep({"network": str(program), "params": {"c": {"from": 1, "to": 80, "step": 1}}}, folder / "s.csv")
    assert len(list(read_results(folder / "s.csv", swept.space))) == 80
    os.chdir(folder)
    found = {"fmt": command("fmt", "p.cnn"), "new": command("new", "fresh", "--template", "unet")}
    return found | {path.name: digest(path.read_bytes()) for path in sorted(folder.iterdir())}


def main() -> None:
    locale.setlocale(locale.LC_ALL, "")
    os.umask(int(os.environ.get("TEST_UMASK", "022"), 8))
    nets = {name: cnnc.load(ROOT / f"examples/{name}.cnn") for name in FILES}
    small = ("resnet18", "siamese", "train/digits")
    with ThreadPoolExecutor(int(os.environ.get("TEST_THREADS", "1"))) as pool:
        parts = list(pool.map(lambda name: written(nets[name], name, name in small), nets))
    found = {key: value for part in parts for key, value in part.items()}
    found["diagnostics"] = digest([str(d) for d in map(cnnc.NetworkError, [[d] for d in cnnc.check(WRONG)])])
    found["wrong"] = command("analyze", "-e", WRONG)
    found["layers"] = command("layers", "conv")
    found["fit"] = command("fit", str(ROOT / "examples/zoo/mobilenet_v2.cnn"), "--params", "2M", "--vary", "width")
    found["advise"] = command("advise", str(ROOT / "examples/lenet5.cnn"))
    with tempfile.TemporaryDirectory() as folder:
        found |= files(Path(folder))
        os.chdir("/")
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
