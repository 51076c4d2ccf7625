"""Attention as PyTorch."""

from typing import Any

from ....compiler.ops.attention import attended
from ....compiler.ops.base import Shape, Tokens
from .base import Arg, Code, Context, New, helper, lowers, settings, stateless

stateless("Tokens", "N x C x ... maps as sequences of N x L x C.", "x.flatten(2).transpose(1, 2)")

helper('''class SelfAttention(nn.MultiheadAttention):
    """Multi-head self-attention over N x L x C tokens, or the positions of maps."""

    def __init__(self, channels, heads, bias=True, maps=False):
        super().__init__(channels, heads, bias=bias, batch_first=True)
        self.maps = maps

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2) if self.maps else x
        qkv = F.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        heads = qkv.unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(*heads)
        y = self.out_proj(y.transpose(1, 2).flatten(2))
        return y.transpose(1, 2).reshape(x.shape) if self.maps else y
''')

helper('''class NonLocal{rank}d(nn.Module):
    """Non-local block: x plus what every position gathers from all others."""

    def __init__(self, channels, inner, sub=1, bias=True):
        super().__init__()
        self.theta = nn.Conv{rank}d(channels, inner, 1, bias=bias)
        self.phi = nn.Conv{rank}d(channels, inner, 1, bias=bias)
        self.g = nn.Conv{rank}d(channels, inner, 1, bias=bias)
        self.out = nn.Conv{rank}d(inner, channels, 1, bias=bias)
        self.pool = nn.MaxPool{rank}d(sub) if sub > 1 else nn.Identity()

    def forward(self, x):
        query = self.theta(x).flatten(2).transpose(1, 2)
        key = self.pool(self.phi(x)).flatten(2)
        value = self.pool(self.g(x)).flatten(2).transpose(1, 2)
        y = torch.softmax(query @ key, -1) @ value
        return x + self.out(y.transpose(1, 2).unflatten(2, x.shape[2:]))
''')


@lowers("tokens")
def _tokens(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("Tokens"), helper="Tokens")
    return Code(template="{x}.flatten(2).transpose(1, 2)")


@lowers("mhsa")
def _mhsa(a: Any, x: Shape, context: Context) -> Code:
    maps = settings(bias=(a.bias, True), maps=(not isinstance(x, Tokens), False))
    args = (Arg("channels", attended(x)[1]), Arg("heads", a.heads), *maps)
    return Code(New("SelfAttention", args), helper="SelfAttention")


@lowers("nonlocal")
def _nonlocal(a: Any, x: Shape, context: Context) -> Code:
    name = f"NonLocal{len(x) - 1}d"
    args = (Arg("channels", x[0]), Arg("inner", a.m), *settings(sub=(a.sub, 1), bias=(a.bias, True)))
    return Code(New(name, args), helper=name)
