"""The language's contract: the programs that its design gives are compiled as they stand and run in every backend."""

import cnnc
import pytest
import torch
from cnnc.compiler import syntax as ast
from cnnc.compiler.diagnostics import Sink
from cnnc.compiler.limits import Limits
from cnnc.compiler.parse import parse
from cnnc.compiler.source import Source
from support import check_onnx, inputs_for

CHAIN = "conv3x3(32,s=2,d=2) -> bn -> relu -> maxpool2"

RESNET50 = """
net resnet50(classes=1000)                # name and build-time parameters, set with -D classes=10
set conv(p=same, bias=false)              # defaults from here on, for this file

block bottleneck(c, s=1) =                # fresh weights at every use
    res(conv1x1(c) -> bn -> relu -> conv3x3(c, s=s) -> bn -> relu -> conv1x1(4*c) -> bn,
        proj = conv1x1(4*c, s=s) -> bn)   # proj only where the shapes differ
    -> relu
block stage(c, n, s=2) = bottleneck(c, s) -> bottleneck(c) * (n - 1)

input 3x224x224                           # channels first, batch implicit; letters are symbols: 3xHxW
-> conv7x7(64, s=2) -> bn -> relu -> maxpool3(s=2, p=1)
-> stage(64, 3, s=1) as layer1            # `as` names a value, and its weights
-> stage(128, 4)     as layer2
-> stage(256, 6)     as layer3
-> stage(512, 3)     as layer4
-> gap -> fc(classes)
"""

BLOCKS = """
set conv(p=same, bias=false)
block inception(a, b, c, d) = [           # [f, g, ...]: each branch gets the input, outputs concatenate on channels
    cbr1(a),                              # cbr is a prelude block; the suffix sets its parameter k
    cbr1(b[0]) -> cbr3(b[1]),
    cbr1(c[0]) -> cbr3(c[1]),
    maxpool3(s=1, p=1) -> cbr1(d),
]
block squeeze(m) = id * (gap -> conv1x1(m, bias=true) -> relu -> conv1x1(cin, bias=true) -> sigmoid)
block mbconv(c, s=1, t=6) =               # a conditional without else: absent from a sum or concatenation, `id` in a chain
    body + (id if s == 1 and cin == c)
    where body = ((conv1x1(t*cin) -> bn -> relu6) if t > 1) -> dwconv3x3(s=s) -> bn -> relu6 -> conv1x1(c) -> bn
block mixed(kernels) = split([dwconv(k) for k in kernels])       # channels shared out among branches, then concatenated
block dense(k) = [id, bn -> relu -> conv1x1(4*k) -> bn -> relu -> conv3x3(k)]
block double(c) = (conv3x3(c) -> bn -> relu) * 2
block level(c, inner) = double(c) -> [id, maxpool2 -> inner -> deconv2(c, s=2)] -> double(c)
block unet(k, f=64) =                     # blocks are values: U-Net by nesting
    level(f, level(2*f, level(4*f, level(8*f, double(16*f))))) -> conv1x1(k)
block segnet(c, inner) =                  # gives back the channels that it got, so levels nest
    double(c) -> maxpool2 as p -> inner -> unpool2(p) -> cbr3(c) -> cbr3(cin)
block mbv2 = for t, c, n, s in [(1,16,1,1), (6,24,2,2), (6,32,3,2)] {
    mbconv(c, s, t) -> mbconv(c, 1, t) * (n - 1)
}
"""  # noqa: E501

TRIPLET = """
shared embed = (conv3x3(64) -> bn -> relu -> maxpool2) * 2 -> gap -> fc(128) -> l2norm   # one set of weights
input a: 1x105x105, p: 1x105x105, n: 1x105x105
output ea = a -> embed, ep = p -> embed, en = n -> embed
train {
  loss      = triplet(ea, ep, en, margin=0.2)
  optimizer = sgd(lr=0.1, momentum=0.9, nesterov=true, weight_decay=1e-4)
  schedule  = cosine
  epochs    = 90
}
"""


def check(net: cnnc.Net, batch: int = 2) -> None:
    """PyTorch and ONNX Runtime agree with NumPy, and both give the shapes that were computed."""
    comparisons = net.verify(batch=batch)
    shapes = {t.name: (batch, *t.value.shape) for t in net.graph.outputs}
    assert len(comparisons) == 2 * len(shapes)
    for comparison in comparisons:
        assert comparison.ok, comparison
        assert comparison.shape == shapes[comparison.output]


def parameters(layers: list[tuple[int, int, int]]) -> int:
    """Of convolutions without bias, (inputs, outputs, window) each, followed by a normalisation."""
    return sum(cin * cout * window + 2 * cout for cin, cout, window in layers)


def separable(cin: int, c: int, t: int) -> int:
    """Of one inverted bottleneck: expansion unless t is 1, one 3x3 filter for each channel, projection."""
    hidden = t * cin
    return (parameters([(cin, hidden, 1)]) if t > 1 else 0) + parameters([(1, hidden, 9), (hidden, c, 1)])


def double(cin: int, c: int) -> int:
    return parameters([(cin, c, 9), (c, c, 9)])


def level(cin: int, c: int, inner: int) -> int:
    """Of a level of the U-Net whose inner part gives 2·c channels."""
    return double(cin, c) + inner + (2 * c * c * 4 + c) + double(2 * c, c)


USES = {
    "inception": (
        "16x8x8 -> inception(4, (3, 6), (2, 5), 7)",
        (22, 8, 8),
        parameters([(16, 4, 1), (16, 3, 1), (3, 6, 9), (16, 2, 1), (2, 5, 9), (16, 7, 1)]),
    ),
    "squeeze": ("8x6x5 -> squeeze(2)", (8, 6, 5), 8 * 2 + 2 + 2 * 8 + 8),
    "mbconv": ("8x7x7 -> mbconv(8)", (8, 7, 7), separable(8, 8, 6)),
    "mbconv without expansion": ("8x7x7 -> mbconv(8, t=1)", (8, 7, 7), separable(8, 8, 1)),
    "mbconv without skip": ("8x7x7 -> mbconv(12, 2, 3)", (12, 4, 4), separable(8, 12, 3)),
    "mixed": ("12x9x9 -> mixed([3, 5, 7])", (12, 9, 9), 4 * 9 + 4 * 25 + 4 * 49),
    "dense": (
        "6x5x5 -> dense(4) * 3",
        (18, 5, 5),
        sum(2 * c + c * 16 + 2 * 16 + 16 * 4 * 9 for c in (6, 10, 14)),
    ),
    "double": ("3x9x9 -> double(4)", (4, 9, 9), double(3, 4)),
    "level": ("3x8x8 -> level(4, double(8))", (4, 8, 8), level(3, 4, double(4, 8))),
    "unet": (
        "3x32x32 -> unet(2, f=4)",
        (2, 32, 32),
        level(3, 4, level(4, 8, level(8, 16, level(16, 32, double(32, 64))))) + 4 * 2,
    ),
    "segnet": (
        "3x13x18 -> segnet(4, segnet(6, double(6)))",
        (3, 13, 18),
        double(3, 4) + double(4, 6) + double(6, 6) + parameters([(6, 6, 9), (6, 4, 9), (4, 4, 9), (4, 3, 9)]),
    ),
    "mbv2": (
        "16x16x16 -> mbv2",
        (32, 4, 4),
        sum(separable(*s) for s in [(16, 16, 1), (16, 24, 6), (24, 24, 6), (24, 32, 6), (32, 32, 6), (32, 32, 6)]),
    ),
}
"""For each block of the listing a use, the shape that comes out, and the parameters by formula."""


def test_chain() -> None:
    net = cnnc.compile(CHAIN, input=(3, 224, 224))
    assert net.output_shape == (1, 32, 55, 55)
    assert net.params == 3 * 32 * 9 + 32 + 64
    check(cnnc.compile(CHAIN, input=(3, 24, 20)))


def test_resnet50() -> None:
    net = cnnc.compile(RESNET50)
    assert net.params == 25_557_032
    assert round(net.macs / 1e9, 3) == 4.089
    assert cnnc.check(RESNET50) == []


@pytest.mark.parity
def test_resnet50_runs() -> None:
    check(cnnc.compile(RESNET50, input=(3, 64, 32), params={"classes": 10}))


def test_every_block_is_used() -> None:
    words = [line.split("block ")[1].split() for line in BLOCKS.splitlines() if line.startswith("block ")]
    names = {word[0].partition("(")[0] for word in words}
    assert names == {name.split()[0] for name in USES}
    assert len(names) == 10


@pytest.mark.parametrize("name", USES)
def test_blocks(name: str) -> None:
    use, shape, params = USES[name]
    net = cnnc.compile(f"{BLOCKS}\ninput {use}")
    assert net.output_shape == (1, *shape)
    assert net.params == params
    check(net)
    check_onnx(net.to_onnx())


def test_blocks_have_no_remarks() -> None:
    assert cnnc.check(BLOCKS) == []


def test_conditional_blocks_have_their_skip() -> None:
    """The sum is there exactly where the shapes allow it."""
    for use, skips in (("8x7x7 -> mbconv(8)", 1), ("8x7x7 -> mbconv(8, 2)", 0), ("8x7x7 -> mbconv(9)", 0)):
        net = cnnc.compile(f"{BLOCKS}\ninput {use}")
        assert sum(row.op == "add" for row in net.layers) == skips


def test_triplet() -> None:
    net = cnnc.compile(TRIPLET)
    assert [t.name for t in net.graph.outputs] == ["ea", "ep", "en"]
    assert net.params == (64 * 9 + 64) + (64 * 64 * 9 + 64) + 4 * 64 + (64 * 128 + 128)
    assert cnnc.check(TRIPLET) == []


@pytest.mark.parity
def test_triplet_runs() -> None:
    check(cnnc.compile(TRIPLET, input=dict.fromkeys("apn", (1, 21, 17))))


def test_train_section_parses() -> None:
    sink = Sink()
    tree = parse(Source(TRIPLET, "triplet.cnn"), sink, Limits())
    assert not sink.found
    (section,) = [item for item in tree.items if isinstance(item, ast.Train)]
    settings = {define.name.id: define.value for define in section.options}
    assert list(settings) == ["loss", "optimizer", "schedule", "epochs"]
    assert isinstance(settings["loss"], ast.Call)
    assert [a.name for a in settings["optimizer"].args] == ["lr", "momentum", "nesterov", "weight_decay"]
    assert settings["epochs"].value == 90


PROGRAMS = {
    "nested U-Net": """
        block conv_block(c) = conv3x3(c, p=same) -> bn -> relu
        block level(c, inner) = conv_block(c) -> [id, maxpool2 -> inner -> upsample2] -> conv_block(c)
        input 2x16x24 -> level(3, level(5, level(7, conv_block(9)))) -> conv1x1(1) -> sigmoid
        """,
    "U-Net with blocks by name": """
        block level(c, inner, mid) = mid(c) -> [id, maxpool2 -> inner -> upsample2] -> mid(c)
        block plain(c) = conv3x3(c, p=same) -> relu
        block gated(c) = conv3x3(c, p=same) -> se(2)
        input 2x8x8 -> level(4, level(6, plain(8), gated), plain)
        """,
    "recursion with an exit": """
        block nest(n) = conv3x3(n, p=same) -> relu -> ([id, maxpool2 -> nest(n - 1) -> upsample2] if n > 2)
        input 3x16x16 -> nest(5)
        """,
    "recursion in a branch": """
        block tree(n, c) = [conv1x1(c), tree(n - 1, c + 1)] if n > 1 else conv3x3(c, p=same)
        input 3x6x6 -> tree(4, 2) -> relu
        """,
    "a block through three levels": """
        block leaf(c, k=3) = conv(c, k=k, p=same) -> bn -> relu
        block one(f, c) = f(c) -> f(c + 1)
        block two(f, c) = [one(f, c), f(c)] -> conv1x1(c)
        block three(f, g) = two(f, 4) -> res(two(g, 4)) -> f(5)
        input 3x7x7 -> three(leaf, leaf5)
        """,
    "layer arguments keep their scope": """
        block around(f, c) = conv1x1(c) -> f -> conv1x1(cin) -> f
        block outer(c) = around(conv3x3(cin + c, p=same) -> tanh, 9)
        input 4x6x6 -> outer(1) -> outer(2)
        """,
    "tap across a branch": """
        input 3x8x8 -> conv3x3(4, p=same) as stem
        -> [relu -> conv1x1(3) as early, sigmoid -> (conv1x1(3) + early), id]
        -> conv1x1(4) -> (id + stem) -> [id, early]
        """,
    "tap of a block read behind it": """
        block keep(inner) = conv1x1(4) as first -> inner -> [id, first]
        input 3x8x8 -> conv1x1(2) as a -> keep(conv3x3(3, p=same) as b) -> keep(relu) -> [id, a, b]
        """,
    "tap read in a loop": """
        input 3x8x8 -> conv1x1(4) as last
        -> for i in range(3) { conv3x3(4, p=same) -> relu -> (id + last) as last } -> [id, last]
        """,
    "gates and differences": """
        block gate(c) = (id - (gap -> sigmoid)) * (conv1x1(c) -> sigmoid) / (id * id + (gmp -> sigmoid))
        input 4x5x5 -> gate(4) * 2 -> [gate(4), gate(1)]
        """,
    "shared layer in blocks": """
        shared stem = conv3x3(4, p=same) -> bn -> relu
        block pair = [stem, relu -> stem]
        input a: 3x6x6, b: 3x8x8
        output x = a -> pair -> pair_end, y = b -> pair
        block pair_end = conv1x1(2)
        """,
    "unpooling across levels": """
        block level(c, inner) = conv3x3(c, p=same) -> maxpool2 as p -> inner -> unpool2(p) -> conv3x3(cin, p=same)
        input 3x15x11 -> level(4, level(5, level(6, relu)))
        """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    net = cnnc.compile(PROGRAMS[name])
    check(net, batch=3)
    check_onnx(net.to_onnx())


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_train(name: str) -> None:
    """Every parameter gets a gradient: what may be overwritten in evaluation is not what backward needs."""
    net = cnnc.compile(PROGRAMS[name])
    module = net.to_torch(seed=1).train()
    result = module(*inputs_for(net, batch=3))
    outputs = result.values() if isinstance(result, dict) else [result]
    sum(y.square().sum() for y in outputs).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


AUX = """
input 3x8x8 -> conv1x1(4) as stem -> relu -> gap -> fc(2)
aux early = stem -> conv3x3(5) -> gap -> fc(2) as head, raw = stem
"""


def test_training_outputs_are_computed_in_training_only() -> None:
    net = cnnc.compile(AUX)
    module = net.to_torch(seed=0)
    ran = []
    module.head.register_forward_hook(lambda *_: ran.append(1))
    inputs = inputs_for(net)
    result = module.train()(*inputs)
    assert list(result) == ["output", "early", "raw"]
    assert len(ran) == 1
    plain = module.eval()(*inputs)
    assert isinstance(plain, torch.Tensor)
    assert torch.equal(plain, result["output"])
    assert len(ran) == 1
    check(net)
