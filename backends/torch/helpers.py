"""Small module classes that emitted source defines for what PyTorch has no module: padding that differs by side."""

PADDED_CONV = '''class PaddedConv{rank}d(nn.Conv{rank}d):
    """A convolution whose padding differs between the sides of an axis."""

    def __init__(self, *args, pad, mode="constant", **kwargs):
        super().__init__(*args, **kwargs)
        self.pad, self.mode = pad, mode

    def forward(self, x):
        return super().forward(F.pad(x, self.pad, self.mode))
'''

PADDED_MAX_POOL = '''class PaddedMaxPool{rank}d(nn.MaxPool{rank}d):
    """Max pooling with any padding, even one that differs by side; indices are those of the input without it."""

    def __init__(self, *args, pad, **kwargs):
        super().__init__(*args, **kwargs)
        self.pad = pad

    def forward(self, x):
        padded = F.pad(x, self.pad, value=float("-inf"))
        if not self.return_indices:
            return super().forward(padded)
        y, rest = super().forward(padded)
        indices, stride = torch.zeros_like(rest), 1
        for axis, before in enumerate(self.pad[::2], 1):
            indices += (rest % padded.shape[-axis] - before) * stride
            rest = rest // padded.shape[-axis]
            stride *= x.shape[-axis]
        return y, indices
'''

UNPOOL = '''class Unpool(nn.Module):
    """Each value where the max pooling with these indices found it, zeros elsewhere."""

    def forward(self, x, indices, size):
        y = x.new_zeros(*x.shape[:2], *size).flatten(2)
        return y.scatter(2, indices.flatten(2), x.flatten(2)).unflatten(2, size)
'''

PADDED_AVG_POOL = '''class PaddedAvgPool{rank}d(nn.AvgPool{rank}d):
    """Average pooling with any padding, even one that differs by side; nothing in `over` counts."""

    def __init__(self, *args, pad, over=None, count_include_pad=True, **kwargs):
        super().__init__(*args, **kwargs)
        self.pad, self.over, self.count_pad = pad, over, count_include_pad

    def extend(self, x, value=0.0):
        x = F.pad(x, self.pad, value=value)
        return x if self.over is None else F.pad(x, self.over)

    def forward(self, x):
        mean = super().forward(self.extend(x))
        if self.count_pad and self.over is None:
            return mean
        return mean / super().forward(self.extend(torch.ones_like(x[:1, :1]), float(self.count_pad)))
'''

FLAT_LINEAR = '''class FlatLinear(nn.Linear):
    """A linear layer on C x 1 x 1 maps."""

    def forward(self, x):
        return super().forward(torch.flatten(x, 1))
'''

SLICE = '''class Slice(nn.Module):
    """The channels from start up to, but without, stop."""

    def __init__(self, start, stop):
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, x):
        return x[:, self.start : self.stop]
'''

CHANNEL_NORM = '''class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position of N x C x ... maps."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
'''

RESHAPE = '''class Reshape(nn.Module):
    """The same elements as another shape."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape)
'''


def simple(name: str, doc: str, expression: str) -> str:
    """A module without state."""
    return f'''class {name}(nn.Module):
    """{doc}"""

    def forward(self, x):
        return {expression}
'''


PLAIN = {
    "FlatLinear": FLAT_LINEAR,
    "Unpool": UNPOOL,
    "Slice": SLICE,
    "ChannelNorm": CHANNEL_NORM,
    "Reshape": RESHAPE,
    "L2Norm": simple("L2Norm", "Channels divided by their Euclidean length.", "F.normalize(x)"),
    "Abs": simple("Abs", "Absolute value.", "torch.abs(x)"),
    "ChannelMean": simple("ChannelMean", "Mean over the channels.", "x.mean(1, keepdim=True)"),
    "ChannelMax": simple("ChannelMax", "Largest value over the channels.", "x.amax(1, keepdim=True)"),
}
TEMPLATES = {"PaddedConv": PADDED_CONV, "PaddedMaxPool": PADDED_MAX_POOL, "PaddedAvgPool": PADDED_AVG_POOL}


def helper_source(name: str) -> str:
    """The definition of a helper such as `PaddedConv2d`."""
    if name in PLAIN:
        return PLAIN[name]
    return TEMPLATES[name[:-2]].replace("{rank}", name[-2])
