"""Random programs mean the same everywhere, and random text is answered without a crash."""

import cnnc
import numpy as np
from cnnc.backends import numpy as reference
from cnnc.backends.weights import draw
from cnnc.compiler.ir_text import print_graph, read_graph
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import ONNX_TOLERANCE, difference, inputs_for, run_onnx, run_torch

BOUNDED = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}

KEEPING = (
    "relu", "bn", "tanh", "id", "dropout", "silu", "conv3x3(cin, p=1)", "dwconv3x3(p=same)", "dwconv5x5(p=same, d=2)",
    "shuffle(2)", "gn(2)", "ln", "hardswish", "maxpool3(s=1, p=1)", "avgpool3(s=1, p=1, count_pad=false)", "se(3)",
    "eca", "basic(cin)", "conv3x1(cin, p=same, pad_mode=reflect)", "prelu(per_channel=true)",
)  # fmt: skip
"""Layers that keep the shape of an even number of channels. Those that divide by the spread of a few values are left
out: where a map is nearly constant, they blow rounding up beyond any tolerance, in every backend."""

CHANGING = (
    "conv1x1(4)", "conv3x3(6, p=1)", "sepconv3x3(8, p=1)", "cbr(4)", "maxpool2", "avgpool3(s=2, p=1, ceil=true)",
    "conv3x3(6, s=2, p=same_upper)", "deconv2(4, s=2)", "upsample2(mode=bilinear)", "pad(1)", "dense_layer(4)",
    "conv3x3(8, p=1, g=2)", "bottleneck(2, s=2)", "inverted_residual(4, s=2)", "fire(2, 2, 4)", "cbam(2)",
)  # fmt: skip

kept = st.sampled_from(KEEPING)


@st.composite
def groups(draw_from: st.DrawFn) -> str:
    """A sum, gate, concatenation, repeat, conditional or labelled part, whose operands agree in shape."""
    a, b = draw_from(kept), draw_from(kept)
    forms = (
        f"({a} + {b})",
        f"(id * ({a} -> gap -> sigmoid))",
        f"[{a}, id, {b} -> {a}]",
        f"({a} -> {b}) * 2",
        f"res({a} -> {b})",
        f"({a} if cin > 3 else {b})",
        f"({a} as t -> {b} -> (id - t))",
        f"[{a} as u, u -> relu]",
        "split([conv1x1(cin // 2), id])",
        "split([id, tanh], (1, cin - 1))",
    )
    return draw_from(st.sampled_from(forms))


@st.composite
def programs(draw_from: st.DrawFn) -> str:
    """A block of random parts, used twice with a shared layer between, on an input of 4 channels."""
    part = st.one_of(kept, st.sampled_from(CHANGING), groups())
    body = draw_from(st.lists(st.one_of(kept, groups()), min_size=1, max_size=4))
    tail = draw_from(st.lists(part, min_size=1, max_size=4))
    # Each part is a block, so that `cin` is that of its own input.
    blocks = "".join(f"block body{i} = {text}\n" for i, text in enumerate(body))
    blocks += "".join(f"block tail{i} = {text}\n" for i, text in enumerate(tail))
    count = draw_from(st.integers(1, 3))
    height, width = draw_from(st.integers(6, 11)), draw_from(st.integers(6, 11))
    flow = " -> ".join(f"tail{i}" for i in range(len(tail)))
    unit = " -> ".join(f"body{i}" for i in range(len(body)))
    return (
        f"shared mix = conv1x1(4)\n{blocks}block unit = {unit} -> conv1x1(4)\n"
        f"input 4x{height}x{width} -> unit * {count} -> mix -> unit -> mix -> {flow}"
    )


@settings(max_examples=80, phases=[Phase.generate], **BOUNDED)
@given(programs())
def test_backends_agree(text: str) -> None:
    net = cnnc.compile(text)
    inputs = inputs_for(net, batch=2, seed=3)
    arrays = draw(net.graph, 1)
    (expected,) = reference.run(net, [x.numpy() for x in inputs], arrays).values()
    module = net.to_torch(seed=1).eval()
    assert net.params == sum(p.numel() for p in module.parameters())
    assert expected.shape[1:] == net.output_shape[1:]
    for got in (run_torch(module, inputs)[0], run_onnx(net.to_onnx(seed=1), inputs)[0]):
        assert np.isfinite(expected).all()
        assert difference(got, expected) <= ONNX_TOLERANCE
    assert print_graph(read_graph(net.ir())) == net.ir()


TOKENS = (
    "conv3x3(8)", "relu", "->", "(", ")", "[", "]", "{", "}", ",", "+", "-", "*", "**", "//", "%", "=", "==", "<",
    "3", "0.5", "1e9", "3x8x8", "3xHxW", "block b(c) =", "input", "set conv(", "shared s =", "output y =",
    "for c in", "if", "else", "as", "t", "where f =", "use", "aux", "train {", "not", "and", "true", "cin", "b(3)",
    "b", "s", "t", "res(", "split(", "range(", "id", "#", "\n", " ", "p=same", "unpool2(t)", "maxpool2", "flatten",
    "fc(9)", "net n(a=1)", "c", "x ->", "**9**9", "é", "\x00",
)  # fmt: skip


@settings(max_examples=400, phases=[Phase.generate], **BOUNDED)
@given(st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join))
def test_random_tokens_are_answered(text: str) -> None:
    for diagnostic in cnnc.check(text, input="3x8x8"):
        assert diagnostic.title and str(cnnc.NetworkError([diagnostic]))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_random_text_is_answered(text: str) -> None:
    assert all(isinstance(d, cnnc.Diagnostic) for d in cnnc.check(text, input="3x8x8"))


@st.composite
def windows(draw_from: st.DrawFn) -> tuple[str, tuple[int, ...]]:
    """A convolution, transposed convolution or pooling with arguments that often do not fit, and an input shape."""
    rank = draw_from(st.integers(1, 3))
    small = st.integers(0, 2)

    def axes(values: st.SearchStrategy[int]) -> str:
        return "x".join(str(draw_from(values)) for _ in range(rank))

    def per_side() -> str:
        return f"({', '.join(f'({draw_from(small)}, {draw_from(small)})' for _ in range(rank))},)"

    k, s, d = axes(st.integers(1, 4)), axes(st.integers(1, 3)), axes(st.sampled_from((1, 1, 2, 3)))
    p = draw_from(st.sampled_from(("same", "same_upper", axes(small), per_side())))
    ceil, count_pad, bias = (str(draw_from(st.booleans())).lower() for _ in range(3))
    g = draw_from(st.integers(1, 2))
    mode = draw_from(st.sampled_from(("zeros", "reflect", "replicate", "circular")))
    maxpool = f"maxpool({k}, s={s}, p={p}, d={d}, ceil={ceil})"
    forms = (
        maxpool,
        f"{maxpool} as pool -> unpool(pool)",
        f"avgpool({k}, s={s}, p={p}, ceil={ceil}, count_pad={count_pad})",
        f"conv(4, {k}, s={s}, p={p}, d={d}, g={g}, bias={bias}, pad_mode={mode})",
        f"deconv(4, {k}, s={s}, p={axes(small)}, d={d}, op={axes(small)}, g={g}, bias={bias})",
    )
    extents = tuple(draw_from(st.integers(1, (12, 9, 6)[rank - 1])) for _ in range(rank))
    return draw_from(st.sampled_from(forms)), (2, *extents)


@settings(max_examples=800, phases=[Phase.generate], **BOUNDED)
@given(windows())
def test_windows_agree(case: tuple[str, tuple[int, ...]]) -> None:
    """Whatever shape inference lets through runs in every backend, with one result."""
    chain, shape = case
    if cnnc.check(chain, input=shape):
        return
    assert all(comparison.ok for comparison in cnnc.compile(chain, input=shape).verify())
