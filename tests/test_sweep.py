"""`cnnc sweep`: spaces read and refused, points by number, rows against the networks themselves, the Pareto front."""

import csv
import itertools
import json
import math
import pickle
import re
import tomllib
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cnnc
import pyarrow.parquet
import pytest
from cnnc.compiler.cli import run
from cnnc.compiler.commands.sweep import interrupted
from cnnc.compiler.diagnostics import CnncError
from cnnc.compiler.sweep import engines
from cnnc.compiler.sweep.evaluate import unpack
from cnnc.compiler.sweep.job import CHUNK, identity, make_job
from cnnc.compiler.sweep.pareto import Front, dominates
from cnnc.compiler.sweep.points import Permutation, Points
from cnnc.compiler.sweep.reading import read_space
from cnnc.compiler.sweep.results import columns
from cnnc.compiler.sweep.space import FIGURES, KEYS, Space, make_space
from cnnc.compiler.sweep.values import spelled
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import cnnc as command

NET = """net tiny(width=4, act=relu, deep=false, sizes=(8, 8))
input 3x8x8 -> conv3x3(width, p=1) -> act -> (conv3x3(width, p=1) if deep) -> conv1x1(sizes[0]) -> gap -> fc(sizes[1])
"""
SPACE: dict[str, Any] = {
    "network": "tiny.cnn",
    "params": {"width": [2, 4, 8], "act": ["relu", "silu"], "deep": [False, True], "sizes": [[4, 2], [8, 2]]},
    "input": ["3x8x8", "3x12x12"],
    "batch": [1, 4],
    "dtype": ["fp32", "int8"],
    "device": "stm32h7",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a program, in which everything happens."""
    (tmp_path / "tiny.cnn").write_text(NET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def toml(text: str, path: str = "space.toml") -> str:
    Path(path).write_text(text, encoding="utf-8")
    return path


def space_of(**changes: Any) -> Space:
    return make_space({**SPACE, **changes}, "space.toml")


# Spaces


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"from": 1, "to": 4, "step": 1}, (1, 2, 3, 4)),
        ({"from": 1, "to": 4, "step": 2}, (1, 3)),
        ({"from": 0.1, "to": 0.7, "step": 0.2}, (0.1, 0.3, 0.5, 0.7)),
        ({"from": 0, "to": 1, "count": 5}, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ({"from": 2, "to": 8, "count": 3}, (2, 5, 8)),
        ({"from": 3, "to": 3, "step": 1}, (3,)),
        ([1, 1.0, True], (1, 1.0, True)),
        (["relu", "true", "(1, 2)", [1, [2, 3]]], ("relu", True, (1, 2), (1, (2, 3)))),
        (5, (5,)),
    ],
)
def test_values(given: Any, values: tuple[Any, ...]) -> None:
    """Lists, ranges without the errors of adding floats, single values; whole numbers stay whole."""
    ((_, found),) = space_of(params={"width": given}).params
    assert list(map(repr, found)) == list(map(repr, values))


def test_inputs() -> None:
    assert space_of(input={"from": "3x8x16", "to": "3x24x32", "step": 8}).inputs == (
        (3, 8, 16),
        (3, 16, 24),
        (3, 24, 32),
    )
    assert space_of(input=[{"a": "1x8x8", "b": "1x9x9"}]).inputs == ({"a": (1, 8, 8), "b": (1, 9, 9)},)
    assert make_space({"network": "tiny.cnn"}, "space.toml").inputs == (None,)


REFUSED = [
    ({"colour": 1}, "colour", "the keys are network, params"),
    ({"network": 5}, "network", "text is needed"),
    ({"network": ""}, "network", "text is needed"),
    ({"params": [1]}, "params", "write [params]"),
    ({"params": {"width": []}}, "params.width", "the list is empty"),
    ({"params": {"width": [4, 2, 4]}}, "params.width", "4 stands there twice"),
    ({"params": {"width": ["4", 4]}}, "params.width", "4 stands there twice"),
    ({"params": {"width": [math.nan]}}, "params.width", "not a number"),
    ({"params": {"width": ["x = 1"]}}, "params.width", "is not a value"),
    ({"params": {"width": [{"a": 1}]}}, "params.width", "is not a value"),
    ({"params": {"width": {"from": 1, "to": 4}}}, "params.width", "a step or a count"),
    ({"params": {"width": {"from": 1, "to": 4, "step": 1, "count": 2}}}, "params.width", "not both"),
    ({"params": {"width": {"from": 4, "to": 1, "step": 1}}}, "params.width", "the lower bound comes first"),
    ({"params": {"width": {"from": 1, "to": 4, "step": 0}}}, "params.width", "not above 0"),
    ({"params": {"width": {"from": 1, "to": 4, "count": 1}}}, "params.width", "at least 2"),
    ({"params": {"width": {"from": 0, "to": 1, "step": 1e-9}}}, "params.width", "values, more than 100,000"),
    ({"params": {"width": {"to": 4, "step": 1}}}, "params.width", "it is missing"),
    ({"params": {"wdith": [1]}}, "params.wdith", "it has width, act, deep, sizes"),
    ({"input": []}, "input", "the list is empty"),
    ({"input": ["3x8x8", "3×8×8"]}, "input", "twice"),
    ({"input": ["3x8xW"]}, "input", "a point needs numbers"),
    ({"input": 8}, "input", "is not a shape"),
    ({"input": {"from": "3x8x8", "to": "4x16x16", "step": 8}}, "input", "keeps the channels"),
    ({"input": {"from": "3x16x16", "to": "3x8x8", "step": 8}}, "input", "the smaller one comes first"),
    ({"input": {"from": "3x8x8", "to": "3x16x16", "step": 0}}, "input", "a range of shapes"),
    ({"batch": [0]}, "batch", "not a batch size"),
    ({"batch": True}, "batch", "not a batch size"),
    ({"batch": [1, 1]}, "batch", "twice"),
    ({"dtype": "fp8"}, "dtype", "there are fp32, fp16, bf16, int8"),
    ({"dtype": {"from": 1, "to": 2, "step": 1}}, "dtype", "it takes no range"),
    ({"dtype": [["fp32"]]}, "dtype", "is not a type"),
    ({"device": 3}, "device", "text is needed"),
    ({"optimizer": "lion"}, "optimizer", "there are gd, sgd"),
    ({"sample": "some"}, "sample", "there are grid, random"),
    ({"sample": "random"}, "points", "it is missing"),
    ({"points": 0}, "points", "at least 1"),
    ({"points": 10_000}, "points", "the space has 192 points"),
    ({"seed": 3}, "seed", "a grid has all points"),
    ({"points": 5, "seed": -1}, "seed", "at least 0"),
    ({"sample": "grid", "points": 5}, "points", "a grid has all points"),
    ({"limits": {"size": 5}}, "limits.size", "limits are on params, macs"),
    ({"limits": {"params": "many"}}, "limits.params", "is not an amount"),
    ({"limits": {"params": 0}}, "limits.params", "is not an amount"),
    ({"limits": {"params": [5]}}, "limits.params", "is not an amount"),
    ({"limits": {"seconds": -1}}, "limits.seconds", "is not a time"),
    ({"limits": {"seconds": 1}, "device": None}, "limits", "there is none"),
    ({"limits": {"training": "5M"}}, "limits", "no network is trained in"),
    ({"front": {"minimise": []}}, "front.minimise", "the list is empty"),
    ({"front": {"minimise": ["act"]}}, "front.minimise", "`act` cannot be compared"),
    ({"front": {"minimise": ["macs"], "maximise": ["macs"]}}, "front", "minimised and maximised"),
    ({"front": {"minimize": ["macs"]}}, "front.minimize", "the keys are minimise and maximise"),
]


@pytest.mark.parametrize(("changes", "key", "told"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_refused_keys(folder: Path, changes: dict[str, Any], key: str, told: str) -> None:
    """One diagnostic that names the key, what is wrong with it and a way out."""
    with pytest.raises(CnncError) as caught:
        cnnc.sweep({name: value for name, value in {**SPACE, **changes}.items() if value is not None})
    (found,) = caught.value.diagnostics
    assert found.code == "E0592" and found.facts["key"] == key
    assert told in str(caught.value) and found.help


def test_too_many_points() -> None:
    wide = {f"p{i}": {"from": 1, "to": 1000, "step": 1} for i in range(4)}
    with pytest.raises(CnncError, match="wrong") as caught:
        space_of(params=wide)
    assert "1,000,000,000" in str(caught.value) and "points = 1000000" in str(caught.value)
    assert space_of(params=wide, points=10).total == 10


@pytest.mark.parametrize(
    ("text", "line", "column"), [("network = \n", 1, 11), ('network = "a"\n[params\n', 2, 8), ('a = 1\na = "', 2, 5)]
)
def test_toml_mistakes(folder: Path, text: str, line: int, column: int) -> None:
    with pytest.raises(CnncError) as caught:
        read_space(toml(text))
    assert caught.value.code == "E0593" and caught.value.span is not None
    assert (caught.value.span.line, caught.value.span.column) == (line, column)


def test_changes_from_the_command_line(folder: Path) -> None:
    path = toml('network = "x.cnn"\n[params]\nwidth = [1, 2]\n[limits]\nparams = "1M"\n')
    changes = ["network=tiny.cnn", "params.width=[8]", "params.act=silu", "limits.params=5M", "points = 1"]
    space = read_space(path, changes)
    assert space.params == (("width", (8,)), ("act", ("silu",))) and space.points == 1
    assert space.limits == (("params", 5_000_000),) and Path(space.network).name == "tiny.cnn"
    for change in ("points", "=3", "a.b.c=3", "network.x=1"):
        with pytest.raises(CnncError) as caught:
            read_space(path, [change])
        assert caught.value.code == "E0592"


# Points


def test_a_grid_is_the_product() -> None:
    """Point i is the i-th of the product of all values, computed from i alone."""
    space = space_of()
    names = [name for name, _ in space.params]
    products = itertools.product(*(values for _, values in space.params), space.inputs, space.batches, space.dtypes)
    points = Points(space)
    for i, values in enumerate(products):
        point = points.at(i)
        assert (*point.params.values(), point.input, point.batch, point.dtype) == values and list(point.params) == names
    assert i + 1 == space.size == space.total == 192


@settings(deadline=None)
@given(st.integers(1, 600), st.integers(0, 2**70))
def test_a_permutation(size: int, seed: int) -> None:
    permutation = Permutation(size, seed)
    assert sorted(map(permutation, range(size))) == list(range(size))


@pytest.mark.parametrize("size", [2**64 + 13, 10**400], ids=["64 bits", "1329 bits"])
def test_a_permutation_of_many(size: int) -> None:
    permutation = Permutation(size, 5)
    found = [permutation(i) for i in range(300)]
    assert len(set(found)) == 300 and all(0 <= x < size for x in found)
    assert 400 < sum(found) * 1000 // 300 // size < 600  # uniform: the mean is within six standard errors
    assert found != [Permutation(size, 6)(i) for i in range(300)]


def test_a_random_sample_has_no_point_twice(folder: Path) -> None:
    every = {row_key(row) for row in cnnc.sweep(SPACE).rows()}
    some = [row_key(row) for row in cnnc.sweep({**SPACE, "points": 50, "seed": 7}).rows()]
    assert len(set(some)) == 50 and set(some) < every
    assert some == [row_key(row) for row in cnnc.sweep({**SPACE, "points": 50, "seed": 7}).rows()]
    assert some != [row_key(row) for row in cnnc.sweep({**SPACE, "points": 50, "seed": 8}).rows()]
    assert {row_key(row) for row in cnnc.sweep({**SPACE, "points": 192}).rows()} == every


def row_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("width", "act", "deep", "sizes", "input", "batch", "dtype"))


# Rows


def test_rows_are_what_analyze_says(folder: Path) -> None:
    """Every figure of every point is that of the network compiled by itself."""
    for row in cnnc.sweep(SPACE).rows():
        given = {name: row[name] for name in ("width", "act", "deep", "sizes")}
        net = cnnc.compile(NET, input=row["input"], params=given)
        report = net.to_dict(batch=row["batch"], dtype=row["dtype"], device="stm32h7")
        for name in ("params", "macs", "flops", "peak_bytes", "weight_bytes", "activation_bytes"):
            assert row[name] == report["totals"][name], name
        assert row["seconds"] == pytest.approx(report["device"]["time_s"], rel=1e-12)


def test_training_memory_is_what_analyze_says(folder: Path) -> None:
    changes = {"dtype": ["fp32", "fp16"], "optimizer": "adam", "front": {"minimise": ["training"]}}
    for row in cnnc.sweep({**SPACE, **changes, "device": "h100"}).rows():
        given = {name: row[name] for name in ("width", "act", "deep", "sizes")}
        net = cnnc.compile(NET, input=row["input"], params=given)
        report = net.to_dict(batch=row["batch"], dtype=row["dtype"])
        training, weights = report["training"], report["totals"]["weight_bytes"]
        parts = weights + training["gradient_bytes"] + training["optimizer_bytes"]["adam"] + training["saved_bytes"]
        assert row["training_bytes"] == parts


def test_a_program_keeps_its_own_input(folder: Path) -> None:
    (row,) = cnnc.sweep({"network": "tiny.cnn"}).rows()
    assert row["input"] == "3x8x8" and row["params"] == cnnc.compile(NET).params and row["front"]


def test_several_inputs(folder: Path) -> None:
    text = "net two(c=2) input a: 1x8x8, b: 1x8x8 output y = a -> [id, b] -> conv3x3(c) -> gap -> fc(2)"
    Path("two.cnn").write_text(text, encoding="utf-8")
    shapes = [{"a": "1x8x8", "b": "1x8x8"}, {"a": "2x9x9", "b": "1x9x9"}]
    rows = list(cnnc.sweep({"network": "two.cnn", "input": shapes, "front": {"maximise": ["input"]}}).rows())
    assert [row["input"] for row in rows] == ["a=1x8x8 b=1x8x8", "a=2x9x9 b=1x9x9"]
    assert [row["front"] for row in rows] == [False, True]


def test_limits(folder: Path) -> None:
    every = list(cnnc.sweep(SPACE).rows())
    limits = {"macs": 20_000, "peak": "4K", "seconds": 0.0005}
    found = cnnc.sweep({**SPACE, "limits": limits})
    kept = [r for r in every if r["macs"] <= 20_000 and r["peak_bytes"] <= 4096 and r["seconds"] <= 0.0005]
    assert 0 < len(kept) < len(every) and [r["point"] for r in found.rows()] == [r["point"] for r in kept]
    assert found.tally.over == {
        "macs": sum(r["macs"] > 20_000 for r in every),
        "peak": sum(r["peak_bytes"] > 4096 for r in every),
        "seconds": sum(r["seconds"] > 0.0005 for r in every),
    }
    assert found.tally.least["macs"] == min(r["macs"] for r in every)
    nothing = cnnc.sweep({**SPACE, "limits": {"params": 1}}, "none.csv")
    assert nothing.kept == 0 and list(nothing.rows()) == list(nothing.front()) == []
    assert len(Path("none.csv").read_text().splitlines()) == 1


def test_points_that_do_not_compile(folder: Path) -> None:
    """They are counted by the code of the first mistake, with the first point's words; the rest goes on."""
    found = cnnc.sweep({**SPACE, "params": {"width": [-1, 0, 2], "act": ["relu", "rellu"]}})
    assert found.points == 3 * 2 * 8 and found.kept == found.points - found.failed
    good = list(found.rows())
    assert all(r["width"] == 2 and r["act"] == "relu" for r in good) and len(good) == 8
    assert all(count and "tiny.cnn" in text for count, _, text in found.tally.failed.values())
    assert min(point for _, point, _ in found.tally.failed.values()) == 0


def test_a_fault_at_one_point_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cnnc.compiler.sweep import evaluate

    def summarize(graph: Any) -> Any:
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(evaluate, "summarize", summarize)
    with pytest.raises(CnncError) as caught:
        cnnc.sweep(SPACE)
    assert caught.value.code == "E0595"


def test_symbols_are_no_points(folder: Path) -> None:
    Path("sym.cnn").write_text("input 3xHxW -> conv3x3(4)", encoding="utf-8")
    with pytest.raises(CnncError) as caught:
        cnnc.sweep({"network": "sym.cnn"})
    assert caught.value.code == "E0595"
    assert cnnc.sweep({"network": "sym.cnn", "input": ["3x8x8"]}).kept == 1


def test_used_files_travel_as_texts(folder: Path) -> None:
    """What `use` brings in is read once, when the sweep begins; nothing is read by its path later."""
    Path("blocks.cnn").write_text("block twice(c) = conv3x3(c, p=1) * 2", encoding="utf-8")
    Path("main.cnn").write_text('use "blocks.cnn"\nnet n(c=2) input 3x8x8 -> twice(c)', encoding="utf-8")
    space = make_space({"network": "main.cnn", "params": {"c": [2, 3]}}, "space.toml")
    job = make_job(space, "space.toml", cnnc.Limits())
    Path("blocks.cnn").unlink()
    from cnnc.compiler.sweep.evaluate import pack, unpack

    assert unpack(pack(job)).chunk(0).sums()["kept"] == 2
    Path("blocks.cnn").write_text("block twice(c) = conv3x3(c, p=1) * 3", encoding="utf-8")
    assert identity(make_job(space, "space.toml", cnnc.Limits()))["program"] != identity(job)["program"]


# Pareto


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), max_size=60))
def test_front_against_brute_force(vectors: list[tuple[int, ...]]) -> None:
    def beats(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))

    wanted = {v for v in vectors if not any(beats(other, v) for other in vectors)}
    for front in (Front(vectors), Front(reversed(vectors))):
        assert front.vectors == sorted(wanted) and all((v in front) == (v in wanted) for v in vectors)


def test_the_front_of_a_sweep(folder: Path) -> None:
    """Against brute force over the rows, ties included, with objectives of every kind."""
    front = {"minimise": ["macs", "peak", "batch"], "maximise": ["params", "width", "input"]}
    rows = list(cnnc.sweep({**SPACE, "front": front}).rows())

    def vector(row: dict[str, Any]) -> tuple[Any, ...]:
        size = math.prod(map(int, row["input"].split("x")))
        return (row["macs"], row["peak_bytes"], row["batch"], -row["params"], -row["width"], -size)

    every = [vector(row) for row in rows]
    for row, own in zip(rows, every, strict=True):
        assert row["front"] == (not any(dominates(other, own) for other in every))
    assert len({vector(r) for r in rows if r["front"]}) < sum(r["front"] for r in rows) < len(rows)


# Files


def test_csv_and_parquet_read_back(folder: Path) -> None:
    """Both hold every row in order, with the space's own values; so do other readers of the formats."""
    rows = list(cnnc.sweep(SPACE).rows())
    for path in ("a.csv", "a.parquet"):
        found = cnnc.sweep(SPACE, path)
        assert list(found.rows()) == rows and list(found.front()) == [r for r in rows if r["front"]]
        assert sorted(p.name for p in folder.glob("a.*")) == sorted({"a.csv", path})
    with Path("a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert lines == [{name: spelled(value) for name, value in row.items()} for row in rows]
    table = pyarrow.parquet.read_table("a.parquet")
    assert table.column_names == list(rows[0]) and table["macs"].to_pylist() == [r["macs"] for r in rows]
    assert table["sizes"].to_pylist()[0] == "(4, 2)" and table["deep"].to_pylist()[-1] is True


def test_columns_of_parameters_named_like_figures(folder: Path) -> None:
    Path("odd.cnn").write_text("net n(macs=2, batch=1.5) input 3x8x8 -> conv3x3(macs)", encoding="utf-8")
    space = {"network": "odd.cnn", "params": {"macs": [1, 2], "batch": [1, 1.0, 2.5]}}
    space["front"] = {"minimise": ["params.macs"], "maximise": ["macs"]}
    for path in (None, "odd.csv", "odd.parquet"):
        rows = list(cnnc.sweep(space, path).rows())
        assert [repr(r["params.batch"]) for r in rows[:3]] == ["1", "1.0", "2.5"] and rows[0]["params.macs"] == 1


def test_figures_beyond_64_bits(folder: Path) -> None:
    Path("huge.cnn").write_text("input 900000000x90x90 -> conv1x1(900000000)", encoding="utf-8")
    space = {"network": "huge.cnn", "batch": [2**31 - 1]}
    (row,) = cnnc.sweep(space, "huge.csv").rows()
    assert row["macs"] == (2**31 - 1) * 90 * 90 * 900_000_000**2
    with pytest.raises(CnncError) as caught:
        cnnc.sweep(space, "huge.parquet")
    assert caught.value.code == "E0503" and "write .csv" in str(caught.value)
    assert not Path("huge.parquet").exists()


def test_plots(folder: Path) -> None:
    found = cnnc.sweep({**SPACE, "front": {"minimise": ["seconds"], "maximise": ["params"]}})
    for path, begins in (("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.pdf", b"%PDF")):
        found.plot(path)
        assert Path(path).read_bytes().startswith(begins)
    svg = Path("a.svg").read_text()
    found.plot("b.svg")
    assert Path("b.svg").read_text() == svg
    with pytest.raises(CnncError) as caught:
        found.plot("a.gif")
    assert caught.value.code == "E0518"


def test_a_plot_shows_a_part_of_many_points(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cnnc.compiler.sweep import plot

    monkeypatch.setattr(plot, "MOST_DOTS", 50)
    found = cnnc.sweep(SPACE)
    figure = plot.picture(found.space, found.name, found.kept, found.rows())
    (axes,) = figure.axes
    dots, front = axes.collections
    assert len(dots.get_offsets()) == 48 and len(front.get_offsets()) == sum(r["front"] for r in found.rows())
    assert "48 of them drawn" in axes.get_title() and "multiply-accumulates" in axes.get_xlabel()
    assert "KiB" in axes.yaxis.get_major_formatter()(2048, 0)


# The command


def test_the_table(folder: Path) -> None:
    path = toml('network = "tiny.cnn"\n[params]\nwidth = [0, 2, 4]\n[limits]\nmacs = 5000\n')
    result = command("sweep", path, "-o", "out.csv")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "tiny.cnn: 3 points (all of the grid), 1 kept"
    assert lines[1] == "1 over the limit of 5,000 macs"
    assert lines[2].startswith("1 point did not compile, E0305") and "the first is 0: " in lines[2]
    assert lines[4] == "Pareto front, 1 point: least macs, least peak bytes, most params"
    assert lines[6].split() == ["point", "width", "params", "macs", "peak", "bytes", "weight", "bytes"]
    assert lines[8].split()[:2] == ["1", "2"] and lines[-1] == "wrote out.csv"


def test_a_long_front_is_cut(folder: Path) -> None:
    path = toml('network = "tiny.cnn"\n[params]\nwidth = {from = 1, to = 60, step = 1}\n')
    assert "\n20 more, with --format json or -o\n" in command("sweep", path).stdout
    assert "\n20 more in out.csv, where `front` is true\n" in command("sweep", path, "-o", "out.csv").stdout
    assert len(json.loads(command("sweep", path, "--format", "json").stdout)["front"]) == 60


def test_json(folder: Path) -> None:
    path = toml('network = "tiny.cnn"\nbatch = [1, 2]\n[params]\nwidth = [0, 2]\n')
    report = json.loads(command("sweep", path, "--format", "json", "--set", "limits.macs=1G").stdout)
    assert (report["points"], report["kept"], report["failed"][0]["count"]) == (4, 2, 2)
    assert report["limits"]["macs"]["over"] == 0 and report["front"][0]["width"] == 2


def test_refused_command_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is told at once, before anything is evaluated, and leaves nothing behind."""
    path = toml('network = "tiny.cnn"\n')
    Path("folder.csv").mkdir()
    Path("link.csv").symlink_to("elsewhere.csv")
    before = sorted(p.name for p in folder.iterdir())
    for arguments, code in [
        (("missing.toml",), "E0501"),
        ((path, "-o", "out.xlsx"), "E0518"),
        ((path, "-o", "no/such/out.csv"), "E0503"),
        ((path, "-o", "folder.csv"), "E0503"),
        ((path, "-o", "link.csv"), "E0503"),
        ((path, "--plot", "no/such/out.svg"), "E0503"),
        ((path, "--plot", "out.gif"), "E0518"),
        ((path, "--workers", "0"), "E0598"),
        ((path, "--workers", "many"), "E0598"),
        ((path, "--workers", "2", "--cluster", "tcp://127.0.0.1:1"), "E0580"),
        ((path, "--restart"), "E0580"),
        ((path, "--cluster", "nowhere"), "E0596"),
        ((path, "--set", "network=missing.cnn"), "E0501"),
        ((path, "--set", "device=abacus"), "E0530"),
        ((path, "--set", "device=stm32h7", "--set", "dtype=fp16"), "E0533"),
    ]:
        status, (out, message) = run(["sweep", *arguments]), capsys.readouterr()
        assert (status, out) == (2, ""), arguments
        assert message.startswith(f"error[{code}]: ") and message.count("error[") == 1, arguments
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_program_with_a_mistake(folder: Path) -> None:
    Path("bad.cnn").write_text("input 3x8x8 -> (", encoding="utf-8")
    Path("wrong.cnn").write_text("input 3x8x8 -> rellu", encoding="utf-8")
    result = command("sweep", toml('network = "bad.cnn"\n'))
    assert result.returncode == 1 and result.stderr.startswith("error[E0109]")
    result = command("sweep", toml('network = "wrong.cnn"\n'), "-o", "out.csv")
    assert result.returncode == 1 and result.stderr.startswith("error[E0595]") and "error[E0301]" in result.stderr
    assert not list(folder.glob("out.csv*"))


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "sweep").glob("*.toml")), ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    """Some points of each compile, keep to the limits, and have a front."""
    found = cnnc.sweep(path, changes=["sample=random", "points=40", "seed=2"])
    assert found.kept > 0 and found.failed == 0 and 0 < len(list(found.front())) <= found.kept


def test_documents() -> None:
    """The space that they show is the example; every key, figure and column is described."""
    example = tomllib.loads((ROOT / "examples/sweep/mobilenet_mcu.toml").read_text(encoding="utf-8"))
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in ("README.md", "docs/sweep.md")]
    for text in texts:
        (shown,) = (block for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL))
        assert tomllib.loads(shown) == example
    named = {*KEYS, *FIGURES, *columns(space_of(front={"minimise": ["training"]}, dtype="fp32"))} - set(SPACE["params"])
    assert {name for name in named if f"`{name}`" not in texts[1] and f"`[{name}]`" not in texts[1]} == set()


def test_what_an_interruption_says(folder: Path) -> None:
    from argparse import Namespace

    from cnnc.compiler.sweep.progress import Progress

    progress = Progress()
    progress(CHUNK, 10 * CHUNK)
    assert "the same command goes on from here" in interrupted(Namespace(output="a.csv"), progress)
    assert "nothing is kept without -o" in interrupted(Namespace(output=None), progress)


def test_a_picture_from_the_command_line(folder: Path) -> None:
    assert run(["sweep", toml('network = "tiny.cnn"\nbatch = [1, 2]\n'), "--plot", "front.svg"]) == 0
    assert (folder / "front.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_a_worker_of_another_version() -> None:
    """It refuses the job before anything of it is read."""
    with pytest.raises(RuntimeError, match=f"a worker has cnnc {cnnc.__version__}, and this is 0.0"):
        unpack(pickle.dumps(("0.0", b"what another version wrote")))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TimeoutError(), "there has been no worker for 0 seconds"),
        (OSError("the scheduler is gone"), "OSError: the scheduler is gone"),
    ],
)
def test_a_cluster_that_is_lost(error: Exception, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without workers a sweep waits for a while, then says so; what the scheduler fails with is told as it is."""

    class Client:
        def submit(self, *given: Any, **named: Any) -> object:
            return object()

        def scheduler_info(self, n_workers: int) -> dict[str, Any]:
            return {"workers": {}}

        def as_current(self) -> Any:
            return nullcontext()

    def wait(tasks: Any, **named: Any) -> Any:
        raise error

    monkeypatch.setattr(engines, "PATIENCE", 0)
    monkeypatch.setattr(engines, "dask_module", lambda name: SimpleNamespace(wait=wait))
    with pytest.raises(CnncError) as raised:
        list(engines.on_dask(Client(), b"job", iter(range(3))))
    assert raised.value.code == "E0597" and told in str(raised.value)


@pytest.mark.parametrize("arguments", [{"cluster": "tcp://127.0.0.1:1", "workers": 2}, {"restart": True}])
def test_arguments_without_effect(arguments: dict[str, Any]) -> None:
    with pytest.raises(cnnc.UsageError, match="has no effect") as raised:
        cnnc.sweep({}, **arguments)
    assert raised.value.code == "E0580"
