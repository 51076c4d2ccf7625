"""Weights in constant memory: drawn in blocks, written one after another, refused before where there is no room."""

import resource
import subprocess
import sys
from pathlib import Path

import cnnc
import numpy as np
import onnx
import onnxruntime
import pytest
from cnnc.backends import onnx as target
from cnnc.backends import tensors
from cnnc.backends.tensors import Drawn
from cnnc.backends.weights import draw

NET = """
{init}
input 3x8x8 -> conv3x3(16) -> bn -> relu -> conv3x3(8, bias=false) -> relu -> flatten -> fc(40) -> prelu -> fc(9)
"""
INITS = [
    "", "set init(xavier_uniform)", "set init(xavier_normal)", "set init(kaiming_uniform)", "set init(kaiming_normal)",
    "set init(normal(std=0.1))", "set init(uniform(-1, 2))", "set init(constant(3))", "set init(orthogonal)",
    "set init(trunc_normal(std=0.5))",
]  # fmt: skip


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_are_the_tensor(init: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn in blocks, a tensor has the values that it has when it is drawn at once."""
    monkeypatch.setattr(tensors, "BLOCK", block)
    graph = cnnc.compile(NET.format(init=init)).graph
    wanted, lazily = draw(graph, 3), Drawn(graph, 3)
    for name, array in wanted.items():
        tensor = lazily.tensor(name)
        assert (tensor.shape, tensor.dtype) == (array.shape, array.dtype)
        assert b"".join(tensor.data()) == array.tobytes()
        np.testing.assert_array_equal(lazily[name], array)


@pytest.mark.parametrize("layer", ["conv3x3(4, reparam=weight_norm)", "conv3x3(4, reparam=spectral_norm)"])
def test_tensors_that_follow_from_others(layer: str) -> None:
    net = cnnc.compile(layer, input="3x8x8")
    lazily = Drawn(net.graph, 3)
    for name, array in draw(net.graph, 3).items():
        np.testing.assert_array_equal(lazily[name], array)
    assert all(comparison.ok for comparison in net.verify())


@pytest.mark.parametrize("inference", [False, True])
def test_the_second_file_has_the_same_weights(inference: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = cnnc.compile(NET.format(init=""))
    net.to_onnx(tmp_path / "one.onnx", inference=inference)
    monkeypatch.setattr(target, "INLINE_LIMIT", 1000)
    monkeypatch.setattr(tensors, "BLOCK", 50)
    returned = net.to_onnx(tmp_path / "two.onnx", inference=inference)
    assert len(list(tmp_path.glob("two.onnx.*.data"))) == 1
    assert returned.SerializeToString(deterministic=True) == (tmp_path / "two.onnx").read_bytes()
    onnx.checker.check_model(str(tmp_path / "two.onnx"), full_check=True)
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    one, two = (
        onnxruntime.InferenceSession(tmp_path / name).run(None, {"input": x}) for name in ("one.onnx", "two.onnx")
    )
    np.testing.assert_array_equal(one[0], two[0])


def test_memory_does_not_grow_with_the_weights(tmp_path: Path) -> None:
    """400 MB of weights, of which one tensor has all, with 300 MiB of address space beyond what imports take."""
    code = f"""
import resource, cnnc
from pathlib import Path
from cnnc.backends import onnx
onnx.INLINE_LIMIT = 1000
net = cnnc.compile("input 10000 -> fc(10000)")
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 300 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
model = net.to_onnx({str(tmp_path / "net.onnx")!r})
print(sum(t.ByteSize() for t in model.graph.initializer))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (data,) = tmp_path.glob("net.onnx.*.data")
    assert data.stat().st_size == 4 * (10000 * 10000 + 10000)


def test_a_limit_on_files(tmp_path: Path) -> None:
    """Where files may have 1,000 bytes, a model of 100 MB is not begun."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    code = f"import cnnc; cnnc.compile('input 5000 -> fc(5000)').to_onnx({str(tmp_path / 'net.onnx')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=limited, check=False)
    assert done.returncode == 1 and "E0547" in done.stderr
    assert list(tmp_path.iterdir()) == []
