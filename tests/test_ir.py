"""The graph's text reads back equal, and the verifier finds what is broken."""

from pathlib import Path

import cnnc
import pytest
from cnnc.compiler.cost import summarize
from cnnc.compiler.ir import Apply, Call, expand, weights_of
from cnnc.compiler.ir_text import print_graph, read_graph
from cnnc.compiler.verify_ir import BrokenGraphError, check_graph
from conftest import EXAMPLES, ROOT

PROGRAMS = [*EXAMPLES, ROOT / "tests/golden/features/program.cnn"]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_text_reads_back_equal(path: Path) -> None:
    graph = cnnc.load(path).graph
    again = read_graph(print_graph(graph))
    check_graph(again)
    assert print_graph(again) == print_graph(graph)
    assert summarize(again) == summarize(graph)
    assert list(weights_of(again)) == list(weights_of(graph))
    assert [(p, s.attrs, s.span[1:]) for p, _, s in expand(again.root)] == [
        (p, s.attrs, s.span[1:]) for p, _, s in expand(graph.root)
    ]


def test_symbolic_text_reads_back_equal() -> None:
    text = (ROOT / "examples/resnet50.cnn").read_text().replace("3x224x224", "3xHxW")
    graph = cnnc.compile(text).graph
    assert print_graph(read_graph(print_graph(graph))) == print_graph(graph)


def test_backends_take_a_graph_that_was_read() -> None:
    net = cnnc.load(ROOT / "tests/golden/features/program.cnn")
    again = cnnc.Net(read_graph(net.ir()), [])
    assert again.torch_source() == net.torch_source()
    bare = [m.graph for m in (again.to_onnx(), net.to_onnx())]
    for graph in bare:
        for node in graph.node:
            node.ClearField("doc_string")  # line numbers need the source's text
    assert bare[0] == bare[1]


@pytest.mark.parametrize("text", ["nonsense", "net a\nregion @0", "net a\n  %1 = relu %0"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises((ValueError, AssertionError)):
        read_graph(text)


def graph():
    return cnnc.compile("block b = conv3x3(4, p=1) -> bn\ninput 3x8x8 -> b -> b * 3 -> [id, relu]").graph


def test_verifier_accepts_and_refuses() -> None:
    check_graph(graph())
    broken = graph()
    broken.root.steps.reverse()
    with pytest.raises(BrokenGraphError, match="before it is made"):
        check_graph(broken)
    broken = graph()
    step = next(s for s in broken.root.steps if isinstance(s, Apply))
    step.outputs[0].shape = (9, 8, 8)
    with pytest.raises(BrokenGraphError):
        check_graph(broken)
    broken = graph()
    call = next(s for s in broken.root.steps if isinstance(s, Call))
    call.inputs = call.inputs * 2
    with pytest.raises(BrokenGraphError, match="passes 2 values"):
        check_graph(broken)
    broken = graph()
    for step in broken.root.steps:
        step.name = "same"
    with pytest.raises(BrokenGraphError):
        check_graph(broken)
