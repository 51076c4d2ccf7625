"""Names of PyTorch, Keras, ONNX and papers are answered with what is written for them here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from cnnc.compiler import net as api
from cnnc.compiler.cli import run
from cnnc.compiler.elaborate.foreign import ARGUMENTS, CHOICES, SURPLUS, WAYS, known_layers, normal
from cnnc.compiler.elaborate.modules import PRELUDE_KNOWN_AS, prelude_names
from cnnc.compiler.ops import NAMES, REGISTRY
from cnnc.compiler.ops.composite import COMPOSITES
from cnnc.compiler.ops.initial import METHODS
from cnnc.compiler.recipe.losses import LOSSES
from cnnc.compiler.recipe.optimizers import OPTIMIZERS
from cnnc.compiler.recipe.options import AUGMENTS
from cnnc.compiler.recipe.schedules import SCHEDULES

LAYERS = {
    "fc": "Linear Dense Gemm linear dense gemm LINEAR fully_connected FullyConnected InnerProduct LazyLinear",
    "conv": "Conv2d Conv1d Conv3d conv2d Conv2D Convolution convolution2d conv_2d CONV2D LazyConv2d",
    "dwconv": "DepthwiseConv2D depthwise_conv2d depthwise",
    "sepconv": "SeparableConv2D separable_conv2d SeparableConv1D DepthwiseSeparableConv",
    "deconv": "ConvTranspose2d ConvTranspose Conv2DTranspose conv2d_transpose conv_transpose3d Deconvolution",
    "deformconv": "DeformConv2d deform_conv2d",
    "bn": "BatchNorm2d BatchNorm BatchNormalization batch_norm batchnorm batch_normalization BatchNorm1d SyncBatchNorm",
    "ln": "LayerNorm LayerNormalization layer_norm layernorm",
    "gn": "GroupNorm GroupNormalization group_norm groupnorm",
    "instnorm": "InstanceNorm2d InstanceNormalization instance_norm",
    "lrn": "LocalResponseNorm LRN local_response_norm",
    "relu": "ReLU Relu RELU ReLu",
    "relu6": "ReLU6",
    "lrelu": "LeakyReLU LeakyRelu leakyrelu leakyReLU",
    "prelu": "PReLU PRelu",
    "elu": "ELU Elu",
    "gelu": "GELU Gelu",
    "silu": "SiLU Silu",
    "sigmoid": "Sigmoid logistic",
    "hardsigmoid": "HardSigmoid Hardsigmoid hard_sigmoid",
    "hardswish": "HardSwish Hardswish hard_swish h_swish",
    "softmax": "Softmax SoftMax Softmax2d",
    "logsoftmax": "LogSoftmax log_softmax",
    "maxpool": "MaxPool2d MaxPool MaxPooling2D max_pool2d max_pooling2d MaxPooling1D maxpool2d max_pool",
    "avgpool": "AvgPool2d AveragePool AveragePooling2D avg_pool2d avg_pool average_pooling3d",
    "gap": "GlobalAveragePool GlobalAveragePooling2D global_average_pooling2d GlobalAvgPool globalavgpool ReduceMean",
    "gmp": "GlobalMaxPool GlobalMaxPooling2D global_max_pool",
    "adaptive_avgpool": "AdaptiveAvgPool2d adaptive_avg_pool2d AdaptiveAveragePooling2D",
    "adaptive_maxpool": "AdaptiveMaxPool2d adaptive_max_pool2d",
    "unpool": "MaxUnpool2d max_unpool2d",
    "lppool": "LPPool2d",
    "dropout": "Dropout",
    "dropout2d": "Dropout2d SpatialDropout2D spatial_dropout2d",
    "droppath": "DropPath drop_path StochasticDepth stochastic_depth",
    "flatten": "Flatten",
    "reshape": "Reshape view",
    "permute": "Permute Transpose transpose",
    "pad": "ZeroPad2d ZeroPadding2D ReflectionPad2d zero_pad2d Pad",
    "upsample": "Upsample UpSampling2D interpolate up_sampling2d UpsamplingNearest2d",
    "pixelshuffle": "PixelShuffle pixel_shuffle DepthToSpace depth_to_space",
    "pixelunshuffle": "PixelUnshuffle SpaceToDepth",
    "shuffle": "ChannelShuffle channel_shuffle",
    "mhsa": "MultiheadAttention MultiHeadAttention multi_head_attention",
    "id": "Identity identity nn_Identity",
    "res": "Residual ResidualBlock SkipConnection",
    "split": "Split chunk",
    "se": "SqueezeExcitation SEBlock SELayer squeeze_excite",
    "bottleneck": "Bottleneck",
    "basic": "BasicBlock basic_block",
    "inverted_residual": "InvertedResidual MBConv",
}
FORMS = {
    "[f, g]": "cat concat Concat Concatenate concatenate torch_cat Concatenation stack",
    "f + g": "add Add plus Eltwise",
    "f * g": "mul Mul Multiply multiply",
    "f - g": "sub Sub Subtract",
    "f / g": "div Div",
    "f -> g": "Sequential sequential nn_Sequential",
    "relu, silu": "Activation activation",
    "no recurrent": "LSTM GRU Embedding",
}
CHOSEN: dict[str, tuple[Mapping[str, Any], dict[str, str]]] = {
    "loss": (
        LOSSES,
        {
            "cross_entropy": "CrossEntropyLoss crossentropy CrossEntropy categorical_crossentropy "
            "SparseCategoricalCrossentropy softmax_cross_entropy cross_entropy_loss",
            "bce": "BCELoss BinaryCrossentropy binary_cross_entropy",
            "bce_logits": "BCEWithLogitsLoss bce_with_logits binary_cross_entropy_with_logits",
            "mse": "MSELoss mean_squared_error MeanSquaredError mse_loss l2",
            "l1": "L1Loss mean_absolute_error mae MAE",
            "nll": "NLLLoss nll_loss",
            "smooth_l1": "SmoothL1Loss smooth_l1_loss",
            "huber": "HuberLoss Huber",
            "triplet": "TripletMarginLoss triplet_margin_loss",
        },
    ),
    "optimizer": (
        OPTIMIZERS,
        {"sgd": "SGD", "adam": "Adam ADAM torch_Adam", "adamw": "AdamW adam_w", "rmsprop": "RMSprop RMSProp rms_prop",
         "nag": "Nesterov", "adagrad": "Adagrad AdaGrad", "adadelta": "Adadelta AdaDelta"},
    ),
    "schedule": (
        SCHEDULES,
        {
            "cosine": "CosineAnnealingLR CosineDecay cosine_annealing cosine_annealing_lr CosineAnnealing cosine_lr",
            "step": "StepLR step_lr",
            "multistep": "MultiStepLR multi_step PiecewiseConstantDecay",
            "exponential": "ExponentialLR ExponentialDecay",
            "onecycle": "OneCycleLR one_cycle OneCycle",
            "plateau": "ReduceLROnPlateau reduce_lr_on_plateau",
            "cyclic": "CyclicLR",
            "warmup": "LinearLR linear_warmup",
            "cosine(length=10) -> ": "cosine_restarts CosineAnnealingWarmRestarts",
        },
    ),
    "augment": (
        AUGMENTS,
        {"flip": "RandomHorizontalFlip hflip horizontal_flip", "crop": "RandomCrop", "zoom": "RandomResizedCrop",
         "jitter": "ColorJitter", "erase": "RandomErasing"},
    ),
    "init": (
        METHODS,
        {"kaiming_normal": "he_normal HeNormal KaimingNormal", "xavier_uniform": "glorot_uniform GlorotUniform",
         "trunc_normal": "TruncatedNormal truncated_normal"},
    ),
}  # fmt: skip
USES = {
    "f": "block b = {}\ninput 3x8x8 -> b",
    "called": "input 3x8x8 -> {}(4)",
    "bare": "input 3x8x8 -> relu -> {} -> relu",
    "branch": "input 3x8x8 -> [id, {}(4)]",
    "argument": "input 3x8x8 -> cbr3(4, act={})",
    "set": "set {}(p=1)\ninput 3x8x8 -> relu",
}


def helps(text: str) -> list[str]:
    return [found.help for found in api.check(text) if found.is_error]


def each(table: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, here) for here, names in table.items() for name in names.split()]


@pytest.mark.parametrize("use", USES)
def test_layers(use: str) -> None:
    """Wherever a layer may stand."""
    for name, here in each(LAYERS):
        way = f"did you mean `{here}`?" if name.lower() == here else f"`{name}` is called `{here}` here"
        assert helps(USES[use].format(name)) == [way], name


def test_suffixes() -> None:
    for name, here in (("Conv3x3", "conv3x3"), ("MaxPooling2", "maxpool2"), ("AveragePool3", "avgpool3")):
        assert helps(f"input 3x8x8 -> {name}(4)") == [f"`{name}` is called `{here}` here"]


@pytest.mark.parametrize("use", ["called", "bare", "branch"])
def test_forms(use: str) -> None:
    for name, way in each({way.replace(" ", "_"): names for way, names in FORMS.items()}):
        (found,) = helps(USES[use].format(name))
        assert way.replace("_", " ") in found, name


@pytest.mark.parametrize("option", CHOSEN)
def test_choices(option: str) -> None:
    table, names = CHOSEN[option]
    rest = {"loss": "cross_entropy", "optimizer": "sgd"}
    for name, here in each({here.replace(" ", "_"): others for here, others in names.items()}):
        options = "\n".join(f"{key} = {value}" for key, value in {**rest, option: f"{name}(3)"}.items())
        (found,) = helps(f"input 3x8x8 -> gap -> fc(3)\ntrain {{ {options} }}")
        if here in table:
            assert found in (f"`{name}` is called `{here}` here", f"did you mean `{here}`?"), name
        else:
            assert here.replace("_", " ") in found, name


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("relu -> linear", "`linear` is called `fc` here"),
        ("nn.Conv2d(3, 3)", "`cnnc layers Conv2d`"),
        ("torch.nn.functional.relu", "`cnnc layers relu`"),
        ("conv(8, kernel_size=3)", "`kernel_size` is called `k` here"),
        ("conv3x3(8, in_channels=3)", "channels come from the input"),
        ("conv3x3(8, use_bias=false)", "`use_bias` is called `bias` here"),
        ("fc(units=3)", "`units` is called `n` here"),
        ("dropout(rate=0.5)", "`rate` is called `p` here"),
        ("relu(inplace=true)", "leave it out"),
        ("conv3x3(8, activation=relu)", "write it after the layer"),
        ("gn(num_groups=3)", "`num_groups` is called `groups` here"),
        ("lrelu(negative_slope=0.1)", "`negative_slope` is called `a` here"),
    ],
)
def test_arguments_and_dots(text: str, way: str) -> None:
    (found,) = helps(f"input 3x8x8 -> {text}")
    assert way in found


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("dwconv", "write conv=…, which is for `dwconv` too"),
        ("sepconv", "write conv=…"),
        ("wsconv", "write conv=…"),
        ("linear", "`linear` is called `fc` here"),
        ("Conv2d", "`Conv2d` is called `conv` here"),
        ("ConvTranspose2d", "`ConvTranspose2d` is called `deconv` here"),
        ("bn", "`bn` keeps its own initial values"),
        ("convv", "did you mean `conv`?"),
    ],
)
def test_kinds_of_initial_values(kind: str, way: str) -> None:
    (found,) = helps(f"set init({kind}=zeros)\ninput 3x8x8 -> relu")
    assert way in found


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("Conv2d", "conv"),
        ("nn.BatchNorm2d", "bn"),
        ("StepLR", "step"),
        ("CrossEntropyLoss", "cross_entropy"),
        ("SGD", "sgd"),
    ],
)
def test_the_reference_knows_them(name: str, here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["layers", name]) == 2
    assert f"is called `{here}` here" in capsys.readouterr().err


def test_what_a_program_declares_comes_first() -> None:
    """A name in another case is the program's own before it is another tool's."""
    assert helps("block linear_ = relu\nblock dense = relu\ninput 3x8x8 -> Dense") == ["did you mean `dense`?"]
    assert not helps("block Linear(n) = fc(n)\ninput 3x8x8 -> gap -> Linear(4)")


def doubled(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(map(normal, names)).items() if count > 1]


def test_the_tables() -> None:
    """No name belongs to two things, every form is one that names are compared in, and every entry is there."""
    ops = [op for op in REGISTRY.values() if not op.operator]
    layers = [
        n
        for entry in (*ops, *COMPOSITES.values())
        for n in {*map(normal, (entry.name, *entry.aliases, *entry.known_as))}
    ]
    assert not doubled(layers)
    for table in (LOSSES, OPTIMIZERS, SCHEDULES, AUGMENTS):
        assert not doubled(n for entry in table.values() for n in {*map(normal, (entry.name, *entry.known_as))})
    for table in (WAYS, CHOICES, SURPLUS):
        words = [word for key in table for word in key.split()]
        assert words == [normal(word) for word in words] and not doubled(words)
    assert all(word == normal(word) for key in ARGUMENTS for word in key.split())
    assert set(PRELUDE_KNOWN_AS) <= prelude_names()
    assert not {word for key in WAYS for word in key.split()} & set(known_layers())
    assert set(known_layers().values()) >= {op.name for op in ops if op.name in NAMES}
