"""Deep and wide programs: what is emitted compiles, runs, and can be copied and stored, or is refused with a reason.

CPython stops at 200 nested brackets, 100 levels of indentation, 20 nested blocks and, by default, 1,000 calls.
"""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cnnc
import pytest
import torch
from cnnc.backends.torch import DEEPEST
from support import inputs_for, run_onnx, run_torch

INPUT = "input 4x2x2 -> "


def listed(item: Callable[[int], str], n: int, sign: str = ", ") -> str:
    return sign.join(map(item, range(n)))


DEEP: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: INPUT + "(" * n + "relu + id" + ")" * n,
    "blocks": lambda n: f"block d(n) = conv1x1(4) -> (d(n - 1) if n > 0 else relu)\n{INPUT}d({n})",
    "sums": lambda n: f"block d(n) = relu + (conv1x1(4) -> (d(n - 1) if n > 0 else relu))\n{INPUT}d({n})",
    "branches": lambda n: INPUT + "[relu, " * n + "id" + "] " * n + "-> conv1x1(4)",
    "chains": lambda n: INPUT + "(" + "(relu -> conv1x1(4) -> " * n + "id" + ")" * n + " + id)",
    "residuals": lambda n: INPUT + "res(conv1x1(4) -> " * n + "relu" + ")" * n,
    "gates": lambda n: INPUT + "id * (" * n + "sigmoid" + ")" * n,
    "conditions": lambda n: INPUT + "(" * n + "relu" + " if true else id)" * n,
    "shared": lambda n: (
        "".join(f"shared s{i} = conv1x1(4) -> {f's{i - 1}' if i else 'relu'}\n" for i in range(n)) + f"{INPUT}s{n - 1}"
    ),
}
WIDE: dict[str, Callable[[int], str]] = {
    "sum": lambda n: f"{INPUT}({listed(lambda i: 'relu', n, ' + ')})",
    "product": lambda n: f"{INPUT}({listed(lambda i: 'sigmoid', n, ' * ')})",
    "concatenation": lambda n: f"{INPUT}[{listed(lambda i: 'relu', n)}]",
    "convolutions": lambda n: f"{INPUT}[{listed(lambda i: 'conv1x1(1)', n)}]",
    "split": lambda n: f"input {n}x2x2 -> split([relu for i in range({n})])",
    "chain": lambda n: INPUT + listed(lambda i: "relu", n, " -> "),
    "labels": lambda n: INPUT + listed(lambda i: f"relu as t{i}", n, " -> ") + f" -> [{listed(lambda i: f't{i}', n)}]",
    "outputs": lambda n: f"input x: 4x2x2\noutput {listed(lambda i: f'y{i} = x -> relu', n)}",
    "inputs": lambda n: (
        f"input {listed(lambda i: f'a{i}: 1x2x2', n)}\noutput y = a0 -> [{listed(lambda i: f'a{i}', n)}]"
    ),
    "parameters": lambda n: (
        f"block b({listed(lambda i: f'p{i}', n)}) = {listed(lambda i: f'conv1x1(p{i})', n, ' -> ')}\n"
        f"{INPUT}b({listed(lambda i: '1', n)}) -> b({listed(lambda i: str(1 + i % 3), n)})"
    ),
    "options": lambda n: (
        f"block b(n) = {listed(lambda i: f'((conv1x1(4) -> relu) if n > {i})', n, ' -> ')}\n{INPUT}b(1) -> b({n})"
    ),
}


def check(text: str, with_onnx: bool = True) -> None:
    """The source compiles; the module runs in both modes, and can be printed, stored and copied; so does ONNX."""
    net = cnnc.compile(text)
    inputs = inputs_for(net, batch=1)
    module = net.to_torch(seed=0).eval()
    found = run_torch(module, inputs)
    assert [array.shape[1:] for array in found] == [t.value.shape for t in net.graph.outputs]
    assert repr(module) and len(module.state_dict()) == len(list(module.parameters()))
    assert all((a == b).all() for a, b in zip(run_torch(copy.deepcopy(module), inputs), found, strict=True))
    module.train()(*inputs)
    if with_onnx:
        shapes = [array.shape for array in run_onnx(net.to_onnx(seed=0), inputs)]
        assert shapes == [array.shape for array in found]


@pytest.fixture(autouse=True)
def recursion_limit() -> None:
    """Python's usual limit at the beginning of each test; sources of deep networks raise it."""
    sys.setrecursionlimit(1_000)


@pytest.mark.parametrize("family", DEEP)
def test_deep(family: str) -> None:
    """250 deep: more than CPython's 200 brackets and, with calls of modules, its 1,000 frames."""
    check(DEEP[family](10))
    check(DEEP[family](250), with_onnx=False)


@pytest.mark.parametrize("family", WIDE)
def test_wide(family: str) -> None:
    check(WIDE[family](10))
    check(WIDE[family](200), with_onnx=False)


@pytest.mark.parametrize("family", ["brackets", "conditions", "gates"])
def test_very_deep(family: str) -> None:
    check(DEEP[family](1_000), with_onnx=False)


@pytest.mark.parametrize("family", ["chain", "sum"])
def test_very_wide(family: str) -> None:
    """The source only; running it takes no more than its length."""
    compile(cnnc.compile(WIDE[family](1_500)).torch_source(), "net.py", "exec")


def test_a_deep_source_works_by_itself(tmp_path: Path) -> None:
    """In a fresh interpreter with its usual limit, which the file itself raises."""
    net = cnnc.compile(DEEP["blocks"](350))
    source = net.torch_source()
    assert "sys.setrecursionlimit(" in source and source.index("import sys") < source.index("from torch")
    text = f"{source}\nimport torch\nprint(tuple(Net()(torch.zeros(1, 4, 2, 2)).shape))"
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    result = subprocess.run([sys.executable, tmp_path / "net.py"], capture_output=True, text=True, check=False)
    assert result.stdout == "(1, 4, 2, 2)\n", result.stderr[-500:]
    assert "recursion" not in cnnc.compile(DEEP["blocks"](30)).torch_source()


def test_deeper_than_any_stack() -> None:
    """Refused by PyTorch's backend with a reason, while ONNX has no nesting."""
    net = cnnc.compile(DEEP["blocks"](DEEPEST))
    for attempt in (net.torch_source, net.to_torch):
        with pytest.raises(cnnc.UsageError) as caught:
            attempt()
        assert caught.value.code == "E0512" and "nesting" in str(caught.value)
    assert len(net.to_onnx().graph.node) == DEEPEST + 2


def test_modules_have_no_line_that_grows() -> None:
    """However wide a network is, lines stay as formatters leave them."""
    for family in WIDE:
        lines = cnnc.compile(WIDE[family](40)).torch_source().split("\n")
        assert max(map(len, lines)) <= 88 + len("  # 160x2x2"), family


def test_no_tensor_is_lost_in_a_wide_sum() -> None:
    net = cnnc.compile(f"input 1x1x1 -> ({' + '.join(['id'] * 400)})")
    assert float(net.to_torch()(torch.ones(1, 1, 1, 1))) == 400
