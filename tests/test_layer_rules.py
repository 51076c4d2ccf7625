"""Rules of single layers by hand, where every backend would follow a wrong one."""

import cnnc
import pytest


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("input 3x4x5 -> (gap * id)", (3, 4, 5)),  # the first operand stretches
        ("input 3x4x5 -> (id * gap)", (3, 4, 5)),
        ("input 6x4 -> slice(1)", (5, 4)),
        ("input 8x1x1 -> reshape((2, 2, 2, 1))", (2, 2, 2, 1)),
        ("input 3x8x9 -> crop((4, 4))", (3, 4, 4)),
        ("input 3x8x9 -> crop((1, 9))", (3, 1, 9)),
    ],
)
def test_shapes(text: str, shape: tuple[int, ...]) -> None:
    assert cnnc.compile(text).output_shape[1:] == shape


@pytest.mark.parametrize(("channels", "inner"), [(6, 3), (7, 3), (1, 1)])
def test_nonlocal_has_half_the_channels_inside(channels: int, inner: int) -> None:
    """Wang et al., "Non-local Neural Networks", 2018: three embeddings, and one projection back."""
    params = cnnc.compile("nonlocal", input=(channels, 2, 8)).params
    assert params == 3 * (channels * inner + inner) + (inner * channels + channels)


def test_bilinear_reads_two_vectors_of_their_own_lengths() -> None:
    net = cnnc.compile("input 5 -> id as t -> fc(3) -> bilinear(2, t)")
    assert net.params == (5 * 3 + 3) + (2 * 3 * 5 + 2)


def test_the_variance_of_a_fresh_batchnorm_is_one() -> None:
    """As in PyTorch, so that a network that was never trained is not scaled."""
    model = cnnc.compile("input 3x4x4 -> bn").to_onnx(seed=0)
    from onnx.numpy_helper import to_array

    stored = {tensor.name: to_array(tensor).tolist() for tensor in model.graph.initializer}
    assert stored["bn1.running_var"] == [1.0] * 3 and stored["bn1.running_mean"] == [0.0] * 3
