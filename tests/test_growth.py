"""Twice as large a program takes twice the work: every command, along every direction in which programs grow.

No clock is read: functions called are counted, Python's own among them, and bytes taken, which shows the copies that a
single call makes.
"""

import json
from collections.abc import Callable
from pathlib import Path

import cnnc
import pytest
from cnnc.compiler.cli import run
from conftest import bytes_of, calls_of
from PIL import Image
from safetensors.torch import save_file


def lines(form: str, n: int, between: str = "\n") -> str:
    return between.join(form.replace("@", str(i)).replace("%", str(i + 1)) for i in range(n))


PROGRAMS = {
    "chain": lambda n: f"input 3x8x8\n-> {lines('conv3x3(4, p=1) -> relu', n, ' -> ')}",
    "branches": lambda n: f"input 3x8x8 -> [{lines('conv1x1(4) -> relu', n, ', ')}] -> conv1x1(3)",
    "a sum": lambda n: f"input 3x8x8 -> ({lines('conv1x1(4)', n, ' + ')}) -> conv1x1(3)",
    "values": lambda n: (
        f"input a: 3x8x8\n{lines('v@ = a -> conv1x1(3)', n)}\noutput {lines('o@ = v@ -> relu', n, ', ')}"
    ),
    "sums of values": lambda n: (
        f"input a: 3x8x8\n{lines('v@ = a -> conv1x1(3)', n)}\noutput {lines('o@ = a -> ((v@ + id) -> relu)', n, ', ')}"
    ),
    "outputs": lambda n: f"input a: 3x8x8\noutput {lines('o@ = a -> relu', n, ', ')}",
    "inputs": lambda n: f"input {lines('a@: 3x8x8', n, ', ')}\noutput {lines('o@ = a@ -> relu', n, ', ')}",
    "labels": lambda n: f"input 3x8x8\n-> {lines('conv1x1(3) as l@', n, ' -> ')} -> [{lines('l@', n, ', ')}]",
    "labelled sums": lambda n: f"input 3x8x8\n-> {lines('(conv1x1(3) + id) as l@', n, ' -> ')}",
    "blocks": lambda n: f"{lines('block b@(c=3) = conv1x1(c) -> relu', n)}\ninput 3x8x8 -> {lines('b@', n, ' -> ')}",
    "instances": lambda n: f"block b(a) = conv1x1(3) -> elu(a)\ninput 3x8x8 -> {lines('b(1.@1)', n, ' -> ')}",
    "where names": lambda n: (
        f"block b = x0 where {lines('x@ = conv1x1(3) -> x%', n, ', ')}, x{n} = relu\ninput 3x8x8 -> b"
    ),
    "numbers": lambda n: f"x0 = 3\n{lines('x% = x@ + 0', n)}\ninput 3x8x8 -> conv1x1(x{n})",
    "brackets": lambda n: f"input 3x8x8 -> {'(' * n}conv1x1(3){' -> relu)' * n}",
    "set lines": lambda n: f"{lines('set conv(p=1)', n)}\ninput 3x8x8 -> conv3x3(3)",
    "shared layers": lambda n: f"{lines('shared s@ = conv1x1(3)', n)}\ninput 3x8x8 -> {lines('s@', n, ' -> ')}",
    "parameters": lambda n: f"net n({lines('p@=3', n, ', ')})\ninput 3x8x8 -> {lines('conv1x1(p@)', n, ' -> ')}",
    "a loop": lambda n: f"input 3x8x8 -> for i in range({n}) {{ conv1x1(i + 1) -> relu }}",
    "unlike branches": lambda n: f"input 3x8x8 -> split([{lines('relu', n, ', ')}], [{lines('1', n, ', ')}])".replace(
        "3x8x8", f"{n}x8x8"
    ),
}
COMMANDS = {
    "check": ("check", "FILE"),
    "fmt": ("fmt", "FILE"),
    "table": ("analyze", "FILE"),
    "blocks": ("analyze", "FILE", "--by", "block"),
    "kinds": ("analyze", "FILE", "--by", "op"),
    "explain": ("analyze", "FILE", "--explain"),
    "device": ("analyze", "FILE", "--device", "h100"),
    "graph": ("analyze", "FILE", "--print-ir"),
    "json": ("analyze", "FILE", "--format", "json"),
    "csv": ("analyze", "FILE", "--format", "csv"),
    "md": ("analyze", "FILE", "--format", "md"),
    "html": ("analyze", "FILE", "--format", "html", "-o", "OUT"),
    "torch": ("compile", "FILE", "-o", "OUT.py"),
    "onnx": ("compile", "FILE", "-o", "OUT.onnx"),
    "diff": ("diff", "FILE", "FILE"),
    "svg": ("draw", "FILE", "-o", "OUT.svg"),
    "mermaid": ("draw", "FILE", "--to", "mermaid", "-o", "OUT"),
    "dot": ("draw", "FILE", "--to", "dot", "-o", "OUT"),
    "advise": ("advise", "FILE"),
    "verify": ("verify", "FILE", "--batch", "1"),
}
TRAINED = ("chain", "branches", "a sum", "labels", "blocks", "instances", "numbers", "brackets", "a loop", "set lines")
"""Programs with one output, which can be trained and run on an image as they are."""
TWICE = 2.3
"""What twice as much may take; a square would take four times."""


def command(name: str, kind: str, n: int) -> list[str]:
    Path(f"{n}.cnn").write_text(PROGRAMS[kind](n), encoding="utf-8")
    files = {"FILE": f"{n}.cnn", "OUT": f"{n}.out", "OUT.py": f"{n}.py", "OUT.onnx": f"{n}.onnx", "OUT.svg": f"{n}.svg"}
    return [files.get(part, part) for part in COMMANDS[name]]


def growth(words_of: Callable[[int], list[str]], n: int) -> float:
    """How many times as many calls a command makes for a program that is twice as large."""
    run(words_of(3))  # what is imported and cached
    found = []
    for size in (n, 2 * n):
        words, status = words_of(size), []
        found.append(calls_of(lambda words=words, status=status: status.append(run(words))))
        assert status == [0], words
    return found[1] / found[0]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", PROGRAMS)
@pytest.mark.parametrize("name", COMMANDS)
def test_calls_grow_as_programs_do(name: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert growth(lambda n: command(name, kind, n), 40) < TWICE


@pytest.mark.parametrize("kind", TRAINED)
def test_calls_of_scripts_images_and_weights_grow_as_programs_do(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    def written(n: int) -> str:
        text = f"{PROGRAMS[kind](n)}\ntrain {{ loss = mse, optimizer = sgd(lr=0.1) }}"
        Path(f"{n}.cnn").write_text(text, encoding="utf-8")
        return f"{n}.cnn"

    def weights(n: int) -> list[str]:
        """As another framework's file names them: a prefix, and in the order of their names as text."""
        state = cnnc.load(written(n)).to_torch().state_dict()
        save_file({f"model.{name}": state[name] for name in sorted(state)}, f"{n}.safetensors")
        return ["weights", f"{n}.cnn", "--from", f"{n}.safetensors", "-o", f"{n}.mapped.safetensors", "--force"]

    Image.new("RGB", (8, 8)).save("image.png")
    assert growth(lambda n: ["compile", written(n), "--to", "train", "-o", f"{n}.py"], 40) < TWICE
    for place in ("cpu", "onnx", "numpy"):
        assert growth(lambda n, on=place: ["run", written(n), "--input", "image.png", "--on", on], 40) < TWICE
    assert growth(weights, 40) < TWICE


def space(length: int, points: int) -> list[str]:
    """A sweep of so many points of a network of so many layers."""
    chain = lines("conv1x1(width)", length, " -> ")
    Path(f"{length}.cnn").write_text(f"net n(width=4)\ninput 3x8x8 -> {chain}", encoding="utf-8")
    Path("space.toml").write_text(
        f'network = "{length}.cnn"\n[params]\nwidth = {{ from = 1, to = {points}, step = 1 }}\n'
    )
    return ["sweep", "space.toml", "-o", "found.csv", "--workers", "1", "--restart", "--force"]


@pytest.mark.parametrize(
    "words_of",
    [
        pytest.param(lambda n: space(n, 5), id="length"),
        pytest.param(lambda n: space(5, n), id="points"),
        pytest.param(lambda n: ["fit", space(n, 5)[1].replace("space.toml", f"{n}.cnn"), "--params", "3k"], id="fit"),
    ],
)
def test_calls_of_searches_grow_as_programs_do(
    words_of: Callable[[int], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert growth(words_of, 40) < TWICE


FORMS: dict[str, Callable[[cnnc.Net], object]] = {
    "table": lambda net: net.report(),
    "json": lambda net: json.dumps(net.to_dict()),
    "explain": lambda net: net.explain(),
    "torch": lambda net: net.torch_source(),
    "onnx": lambda net: net.to_onnx(),
    "mermaid": lambda net: net.draw("mermaid"),
    "diff": lambda net: net.diff(net),
}


@pytest.mark.parametrize("kind", ("chain", "values", "labels", "instances"))
@pytest.mark.parametrize("name", FORMS)
def test_bytes_grow_as_programs_do(name: str, kind: str) -> None:
    small, large, warm = (cnnc.compile(PROGRAMS[kind](n)) for n in (150, 300, 3))
    FORMS[name](warm)  # what is imported and cached
    assert bytes_of(lambda: FORMS[name](large)) < 2.2 * bytes_of(lambda: FORMS[name](small))


@pytest.mark.parametrize("kind", ("chain", "values", "labels", "instances", "numbers", "set lines"))
def test_bytes_of_compiling_grow_as_programs_do(kind: str) -> None:
    cnnc.check(PROGRAMS[kind](3))
    small, large = (bytes_of(lambda text=text: cnnc.check(text)) for text in map(PROGRAMS[kind], (100, 200)))
    assert large < TWICE * small


def test_what_the_measures_see() -> None:
    """A copy at each step is a square of bytes and none of calls; a comparison with all is one of calls."""

    def copying(n: int) -> None:
        kept: dict[int, int] = {}
        for i in range(n):
            key = abs(i)
            kept = {**kept, key: i}

    def comparing(n: int) -> None:
        for i in range(n):
            for j in range(n):
                max(i, j)

    assert bytes_of(lambda: copying(600)) > 3.3 * bytes_of(lambda: copying(300))
    assert calls_of(lambda: copying(600)) < 2.1 * calls_of(lambda: copying(300))
    assert calls_of(lambda: comparing(60)) > 3.3 * calls_of(lambda: comparing(30))


def test_names_are_searched_for_only_where_one_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that a branch sets is unknown while what the branches are is looked at; nothing is suggested for that."""
    from cnnc.compiler.elaborate import suggestions

    monkeypatch.setattr(suggestions, "suggestion", lambda name, *_: pytest.fail(f"searched for {name}"))
    Path("n.cnn").write_text("input 3x8x8 -> ((relu as a) * a) -> tanh", encoding="utf-8")
    assert run(["check", "n.cnn"]) == 0
