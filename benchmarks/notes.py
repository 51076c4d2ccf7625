"""What the page says of each tool: errors, each with an input that shows it, and what to make of its figure."""

NOTES: dict[str, tuple[str, ...]] = {
    "torchvision": (
        "Published with the weights, as 10⁹ and to three places; compared to all three.",
        "No tool: the figures were made once, by those who trained the models.",
    ),
    "torch": (
        "Fused attention on the CPU is not in its table, so `nn.MultiheadAttention` with `need_weights=False` counts "
        "only its projections; with `need_weights=True` it counts all.",
        "The gradient of a grouped convolution's weights counts as if there were no groups; see the backward passes.",
    ),
    "fvcore": (
        "`nn.Conv2d(…, padding='same')` costs nothing: it traces to `aten::_convolution_mode`, which is not in the "
        "table; its log lists the operator as unsupported.",
        "Fused attention (`need_weights=False`) costs nothing either, only its projections count.",
    ),
    "ptflops-aten": (
        "Fused attention (`need_weights=False`) costs nothing, only its projections count.",
    ),
    "ptflops": (
        "`nn.ReLU` and pooling count in the module's hook and in the patched function that the module calls, so twice; "
        "`F.relu` once. `nn.ReLU6`, which calls `F.hardtanh`, counts once. So `nn.Upsample` costs 2·|out|, and "
        "`F.interpolate`, as segmentation networks use it and the rule has it, |out|.",
        "Modules are looked up by exact type: a subclass of `nn.Conv2d`, and `F.conv2d`, cost nothing, nor does the "
        "product `x @ w`.",
        "A module that two parents hold is added for each of them: ×2.",
        "`nn.MultiheadAttention` with `need_weights=True` counts in its hook and in the patched `torch.bmm`.",
    ),
    "thop": (
        "A transposed convolution counts at every output position: ×4 for a stride of 2.",
        "Modules are looked up by exact type: a subclass of `nn.Conv2d`, `F.conv2d`, `F.interpolate` and "
        "`nn.MultiheadAttention` cost nothing.",
        "A module that two parents hold gets two hooks, and its sum is added for each parent: ×4.",
    ),
    "torchinfo": (
        "A transposed convolution counts at every output position: ×4 for a stride of 2.",
        "`nn.Linear` costs its parameters whatever it is applied to: 16 tokens cost as much as one.",
        "`F.conv2d` and `nn.MultiheadAttention` cost nothing.",
    ),
    "calflops": (
        "With `padding='same'` and an even kernel it takes half the padding on both sides and so a smaller output.",
        "A grouped transposed convolution is divided by its groups twice.",
        "`x @ w` costs nothing, since only `torch.matmul` is patched; attention costs only its projections.",
        "A module that two parents hold is added for each of them: ×2.",
        "Training is charged three forward passes, also where nobody wants the gradient of the input.",
    ),
    "onnx-tool": (
        "A transposed convolution counts at every output position, with its output channels for the input's: with a "
        "stride of 2, ×6 for 4 to 6 channels and ×12 for 4 to 12 in two groups.",
        "Measured on the ONNX model that cnnc writes. Its figure charges activations, normalisation, pooling and sums "
        "by its own table (32 for an exponential).",
    ),
}  # fmt: skip
"""By the name of a convention, or of a tool that has none here."""
