"""Small networks, on most of which some tool goes wrong: a module, its program, and the same as loops that are counted.

No layer has a bias and hardly any charges anything but products, so every tool means the same by its figure.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from loops import Array, Meter, Settings, attention, conv, conv_gradients, deconv, matmul, tokens
from torch import nn

State = Mapping[str, Array]
"""A module's weights by name."""


class Probe(NamedTuple):
    """shown: the module's essence, for the page. loop: the output from the input and the weights, on a meter."""

    shown: str
    build: Callable[[], nn.Module]
    program: str
    size: tuple[int, ...]
    loop: Callable[[Meter, Array, State], Array]

    def run(self) -> tuple[int, Array, Array]:
        """How many products the loop takes, what it gives, and what the module gives."""
        module, x, state = drawn(self.build(), self.size)
        meter = Meter()
        result = self.loop(meter, x[0].detach().numpy(), state)
        return meter.products, result, module(x)[0].detach().numpy()


def drawn(module: nn.Module, size: tuple[int, ...]) -> tuple[nn.Module, torch.Tensor, dict[str, Array]]:
    """The module in double precision, a random input, and the weights by name."""
    torch.manual_seed(0)
    module = module.eval().double()
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    return module, torch.randn(1, *size, dtype=torch.float64), state


class Fn(nn.Module):
    """Modules by name, and a function of them and the input as the forward pass."""

    def __init__(self, run: Callable[[Any, torch.Tensor], torch.Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.run(self, x)


def seq(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(*parts)


def as_tokens(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(2).transpose(1, 2)


class OwnConv2d(nn.Conv2d):
    """A subclass that changes nothing, as models have them for another padding or initialisation."""


def upsampled(x: Array) -> Array:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def _shared(shown: str, build: Callable[[], nn.Module], weight: str) -> Probe:
    """The same convolution twice in a row."""
    s, program = Settings(padding=(1, 1)), "shared mix = conv3x3(4, p=1, bias=false)\ninput 4x6x6 -> mix -> mix"
    return Probe(
        shown,
        build,
        program,
        (4, 6, 6),
        lambda m, x, w: conv(m, conv(m, x, w[weight], s), w[weight], s),
    )


def _attends(need_weights: bool) -> Probe:
    """Self-attention, with the matrix of weights handed out or not."""
    return Probe(
        f"`nn.MultiheadAttention(8, 2, bias=False)`, `need_weights={need_weights}`",
        lambda: Fn(
            lambda m, x: m.mha(*[as_tokens(x)] * 3, need_weights=need_weights)[0],
            mha=nn.MultiheadAttention(8, 2, bias=False, batch_first=True),
        ),
        "tokens -> mhsa(2, bias=false)",
        (8, 4, 4),
        lambda m, x, w: attention(m, tokens(x), w["mha.in_proj_weight"], w["mha.out_proj.weight"], 2),
    )


def _two_parents() -> nn.Module:
    mix = nn.Conv2d(4, 4, 3, padding=1, bias=False)
    return seq(seq(mix), seq(mix))


PROBES: dict[str, Probe] = {
    "dilated": Probe(
        "`Conv2d(4, 6, 3, dilation=2)`",
        lambda: seq(nn.Conv2d(4, 6, 3, dilation=2, bias=False)),
        "conv3x3(6, d=2, bias=false)",
        (4, 9, 9),
        lambda m, x, w: conv(m, x, w["0.weight"], Settings(dilation=2)),
    ),
    "depthwise": Probe(
        "`Conv2d(4, 8, 3, groups=4)`",
        lambda: seq(nn.Conv2d(4, 8, 3, groups=4, bias=False)),
        "dwconv3x3(m=2, bias=false)",
        (4, 9, 9),
        lambda m, x, w: conv(m, x, w["0.weight"], Settings(groups=4)),
    ),
    "padding='same'": Probe(
        "`Conv2d(4, 6, 4, padding='same')`",
        lambda: seq(nn.Conv2d(4, 6, 4, padding="same", bias=False)),
        "conv4x4(6, p=same_upper, bias=false)",
        (4, 9, 9),
        lambda m, x, w: conv(m, x, w["0.weight"], Settings(padding=(1, 2))),
    ),
    "3-D": Probe(
        "`Conv3d(2, 4, 3, stride=2, padding=1)`",
        lambda: seq(nn.Conv3d(2, 4, 3, stride=2, padding=1, bias=False)),
        "conv3x3x3(4, s=2, p=1, bias=false)",
        (2, 6, 6, 6),
        lambda m, x, w: conv(m, x, w["0.weight"], Settings(stride=2, padding=(1, 1))),
    ),
    "transposed": Probe(
        "`ConvTranspose2d(4, 6, 4, stride=2, padding=1)`",
        lambda: seq(nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, bias=False)),
        "deconv4x4(6, s=2, p=1, bias=false)",
        (4, 7, 7),
        lambda m, x, w: deconv(m, x, w["0.weight"], Settings(stride=2, padding=(1, 1))),
    ),
    "transposed, grouped": Probe(
        "`ConvTranspose2d(4, 12, 4, stride=2, padding=1, groups=2)`",
        lambda: seq(nn.ConvTranspose2d(4, 12, 4, stride=2, padding=1, groups=2, bias=False)),
        "deconv4x4(12, s=2, p=1, g=2, bias=false)",
        (4, 7, 7),
        lambda m, x, w: deconv(m, x, w["0.weight"], Settings(stride=2, padding=(1, 1), groups=2)),
    ),
    "tokens": Probe(
        "`Linear(8, 6)` on 16 tokens",
        lambda: Fn(lambda m, x: m.fc(as_tokens(x)), fc=nn.Linear(8, 6, bias=False)),
        "tokens -> fc(6, bias=false)",
        (8, 4, 4),
        lambda m, x, w: matmul(m, tokens(x), w["fc.weight"].T),
    ),
    "attention": _attends(False),
    "attention, weights returned": _attends(True),
    "shared": _shared(
        "one `Conv2d`, called twice",
        lambda: Fn(lambda m, x: m.mix(m.mix(x)), mix=nn.Conv2d(4, 4, 3, padding=1, bias=False)),
        "mix.weight",
    ),
    "shared, two parents": _shared("one `Conv2d` in two `Sequential`s", _two_parents, "0.0.weight"),
    "subclass": Probe(
        "`class OwnConv2d(nn.Conv2d): pass`",
        lambda: seq(OwnConv2d(4, 6, 3, bias=False)),
        "conv3x3(6, bias=false)",
        (4, 9, 9),
        lambda m, x, w: conv(m, x, w["0.weight"]),
    ),
    "functional": Probe(
        "`F.conv2d(x, self.kernel.weight)`",
        lambda: Fn(lambda m, x: F.conv2d(x, m.kernel.weight), kernel=nn.Conv2d(4, 6, 3, bias=False)),
        "conv3x3(6, bias=false)",
        (4, 9, 9),
        lambda m, x, w: conv(m, x, w["kernel.weight"]),
    ),
    "matrix product": Probe(
        "`tokens @ self.fc.weight.T`",
        lambda: Fn(lambda m, x: as_tokens(x) @ m.fc.weight.T, fc=nn.Linear(8, 6, bias=False)),
        "tokens -> fc(6, bias=false)",
        (8, 4, 4),
        lambda m, x, w: matmul(m, tokens(x), w["fc.weight"].T),
    ),
    "upsampling": Probe(
        "`F.interpolate(x, scale_factor=2)`, then `Conv2d(4, 6, 3)`",
        lambda: Fn(lambda m, x: m.conv(F.interpolate(x, scale_factor=2)), conv=nn.Conv2d(4, 6, 3, bias=False)),
        "upsample(2) -> conv3x3(6, bias=false)",
        (4, 5, 5),
        lambda m, x, w: conv(m, upsampled(x), w["conv.weight"]),
    ),
}  # fmt: skip


class Backward(NamedTuple):
    """Two convolutions, the second one grouped, whose forward and backward passes are counted together."""

    groups: int

    @property
    def program(self) -> str:
        return f"input 3x7x7 -> conv3x3(8, bias=false) -> conv3x3(8, g={self.groups}, bias=false)"

    def build(self) -> nn.Module:
        return seq(nn.Conv2d(3, 8, 3, bias=False), nn.Conv2d(8, 8, 3, groups=self.groups, bias=False))

    def loop(self, m: Meter, x: Array, w: State, y: Array) -> tuple[Array, Array]:
        """Gradients of the weights from that of the output; nobody asks for the input's."""
        first, second, s = w["0.weight"], w["1.weight"], Settings(groups=self.groups)
        between = conv(m, x, first)
        conv(m, between, second, s)
        to_between, to_second = conv_gradients(m, between, second, y, s, of_input=True)
        _, to_first = conv_gradients(m, x, first, to_between, Settings(), of_input=False)
        return to_first, to_second

    def run(self) -> tuple[int, tuple[Array, ...], tuple[Array, ...]]:
        """How many products the loop takes, the gradients that it gives, and those of the modules."""
        module, x, state = drawn(self.build(), (3, 7, 7))
        y = module(x)
        y.square().sum().backward()
        meter = Meter()
        result = self.loop(meter, x[0].numpy(), state, 2 * y[0].detach().numpy())
        return meter.products, result, tuple(w.grad.numpy() for w in module.parameters() if w.grad is not None)


BACKWARD = {f"groups={groups}": Backward(groups) for groups in (1, 2, 4, 8)}
