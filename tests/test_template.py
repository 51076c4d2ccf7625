"""A template gives what compiling its text gives, whatever it was compiled with before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnc
import pytest
from cnnc.compiler import syntax as ast
from cnnc.compiler.render import render_text
from cnnc.compiler.template import Template
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = sorted((ROOT / "examples").rglob("*.cnn"))


def outcome(make: Any) -> tuple[Any, ...]:
    """A network as text with its figures and warnings, or the mistakes."""
    try:
        net = make()
    except cnnc.NetworkError as error:
        return tuple(map(render_text, error.diagnostics))
    return net.ir(), net.totals, tuple(map(render_text, net.warnings))


def agree(template: Template, text: str, requests: list[dict[str, Any]], shapes: list[Any]) -> None:
    """Forwards, then backwards with everything that was remembered."""
    wanted = [(r, s, outcome(lambda r=r, s=s: cnnc.compile(text, s, r))) for r in requests for s in shapes]
    for request, shape, expected in (*wanted, *reversed(wanted)):
        assert outcome(lambda r=request, s=shape: template.compile(s, r)) == expected, (request, shape)


def variations(template: Template) -> Iterator[dict[str, Any]]:
    """The defaults, then each numeric build parameter somewhat larger and much smaller, some of which will not do."""
    yield {}
    for item in template.tree.items:
        for param in item.params if isinstance(item, ast.Net) else ():
            if isinstance(param.default, ast.Number):
                value = param.default.value
                yield from ({param.name: v} for v in (2 * value, value + 1, value / 2, 0))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_every_example_with_other_parameters(path: Path) -> None:
    template = Template.load(path)
    requests = list(variations(template))
    wanted = [(r, outcome(lambda r=r: cnnc.load(path, params=r))) for r in requests]
    for request, expected in (*wanted, *reversed(wanted)):
        assert outcome(lambda r=request: template.compile(params=r)) == expected, request


READERS = """
net n(c=8, k=3, deep=true, act=relu, bias=false)
set conv(p=same, bias=bias)
wide = 2 * c
block unit(f) = conv(f, k) -> bn -> act
block unused_where(f) = unit(f) where spare = 3
block twice(f) = unit(f) -> (unit(wide) if deep) -> unit3(f)
block unit3(f) = conv3x3(f) -> act
block around(inner) = inner -> res(inner, proj = conv1x1(2 * cin))
block lonely(f) = conv3x3(wide)
shared once = conv3x3(4) -> relu
input 3x16x16
-> unit(c) as first -> twice(c) * 2 -> unused_where(wide)
-> [id, unit(c), first -> unit(c)] -> around(unit(c)) -> conv1x1(4) -> once -> unit(4) -> once
-> for i in [1, 2] { unit(i * c) } -> gap -> fc(10)
"""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "c": st.integers(0, 4),
                "k": st.sampled_from([1, 2, 3, 5]),
                "deep": st.booleans(),
                "act": st.sampled_from(["relu", "silu", "gelu", "id"]),
                "bias": st.booleans(),
            },
        ),
        min_size=2,
        max_size=6,
    )
)
def test_names_of_the_file_that_blocks_read(requests: list[dict[str, Any]]) -> None:
    """Parameters, bindings, other blocks, `set` defaults, layers as arguments, taps, shared layers, unused names."""
    agree(Template(READERS), READERS, requests, [None, (1, 7, 9), "3xHxW"])


def test_used_files_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "blocks.cnn").write_text("set conv(p=same)\nblock unit(f, k=3) = conv(f, k) -> bn -> relu\n")
    main = tmp_path / "main.cnn"
    main.write_text('net n(c=8)\nuse "blocks.cnn"\ninput 3x9x9 -> unit(c) -> unit5(2 * c)\n')
    template = Template.load(main)
    expected = [outcome(lambda c=c: cnnc.load(main, params={"c": c})) for c in (4, 8)]
    assert [outcome(lambda c=c: template.compile(params={"c": c})) for c in (4, 8)] == expected
    (tmp_path / "blocks.cnn").unlink()
    assert outcome(lambda: template.compile(params={"c": 8})) == expected[1]


def test_many_candidates_do_not_pile_up() -> None:
    """What a template remembers is bounded, however many candidates there are."""
    template = Template("net n(c=1)\nblock b(f) = conv1x1(f) -> relu\ninput 3x4x4 -> b(c) -> b(2 * c)")
    for c in range(1, 2_500):
        template.compile(params={"c": c})
    assert len(template._shared.instances.known) <= 2_000
    assert len(template._shared.plans.found) < 20


def test_set_lines_that_read_the_input_of_the_file() -> None:
    """`cin` in a `set` line is the input's, whatever the block that the line reaches gets."""
    text = (
        "net n(k=1)\nset conv(bias=cin > 2)\nblock b(c) = conv1x1(c) -> relu\ninput 3x8x8 -> conv1x1(4) -> b(4) -> b(5)"
    )
    agree(Template(text), text, [{}, {"k": 2}], [(1, 8, 8), (3, 8, 8)])


TAPS = """
net n(c=4, deep=true)
block inside(f) = conv1x1(f) as t -> relu -> [id, t]
block reader(f) = conv1x1(f) -> (add_skip(f) if deep)
block add_skip(f) = conv1x1(f) -> (bn + skip)
block tower(f) = inside(f) -> reader(f) -> inside(f)
input 3x8x8 -> conv1x1(c) as skip -> reader(c) -> tower(c) -> inside(c) -> tower(c)
"""


@settings(max_examples=30, deadline=None)
@given(st.lists(st.fixed_dictionaries({}, optional={"c": st.integers(1, 3), "deep": st.booleans()}), max_size=6))
def test_blocks_that_read_tensors_around_them(requests: list[dict[str, Any]]) -> None:
    agree(Template(TAPS), TAPS, requests, [None])
