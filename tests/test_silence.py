"""One mistake is one error: what follows from it is silent, wherever the mistake stands and whatever uses it."""

from itertools import product
from pathlib import Path

import pytest
from cnnc.compiler import net as api
from cnnc.compiler.diagnostics import Diagnostic
from cnnc.compiler.files import project_loader, read_source
from cnnc.compiler.limits import Limits
from cnnc.compiler.pipeline import compile_source

TENSOR = {
    "unknown_first": "nothere -> relu",
    "unknown_last": "x -> relu -> nothere",
    "unknown_inside": "x -> [relu, relu -> nothere]",
    "unknown_operand": "x -> (relu + nothere)",
    "unknown_tensor_operand": "nothere + x",
    "unknown_second_tensor": "x + nothere",
    "unknown_branch": "[x, nothere -> relu]",
    "unknown_argument": "x -> conv3x3(4, zz=1)",
    "unknown_value": "x -> conv3x3(nothere)",
    "wrong_kind": "x -> conv3x3(true)",
    "too_large": "x -> conv31x31(4)",
    "misfit": "x -> (relu + conv3x3(5))",
    "branches": "x -> [relu, conv3x3(5)]",
    "residual": "x -> res(conv3x3(5))",
    "missing": "x -> conv3x3",
    "split": "x -> split([relu, relu, relu, relu])",
    "condition": "x -> (relu if nothere else tanh)",
    "count": "x -> relu * nothere",
    "loop": "x -> for i in nothere { relu }",
    "list": "x -> [conv1x1(c) for c in nothere]",
    "division": "x -> conv1x1(1 // 0)",
}
"""Mistakes in what makes a tensor of `x`."""

NUMBER = {
    "unknown": "nothere",
    "sum": "1 + nothere",
    "division": "1 / 0",
    "kind": "1 + true",
    "function": "max(nothere, 2)",
    "entry": "[1, 2][5]",
    "condition": "1 if nothere else 2",
    "list": "[nothere, 2][0]",
    "comprehension": "sum([i for i in nothere])",
    "negative": "-nothere",
}

LAYER = {name: text.removeprefix("x -> ") for name, text in TENSOR.items() if text.startswith("x -> ")}

TENSOR_USES = """
u1 = t -> relu
u2 = t -> conv1x1(4)
u3 = x -> [id, t]
u4 = x -> (id + t)
u5 = u1 -> relu -> [id, u2, t]
u6 = t
output t1 = t -> relu, t2 = u3 -> relu, t3 = x -> relu -> [t, t -> relu], t4 = u6 -> gap
output t5 = u5 -> fc(3), t6 = t + x, t7 = [t, x], t8 = [x, t -> relu], t9 = x + t
"""

NUMBER_USES = """
m = n + 1
k = n * m
ks = [n, m]
output t1 = x -> conv1x1(n) -> conv1x1(m) -> conv1x1(k)
output t2 = x -> relu * n, t3 = x -> (relu if n > 2), t4 = x -> (relu if m > 2 else tanh)
output t5 = x -> [conv1x1(i) for i in range(n)], t6 = x -> for i in ks { conv1x1(i) }
output t7 = x -> slice(0, n), t8 = x -> split([relu, relu], (n, 1)), t9 = x -> conv1x1(ks[0]), t10 = x -> relu * (n + 1)
output t11 = x -> conv1x1(max(n, m)), t12 = x -> conv3(4, p=(n, n)), t13 = x -> [relu, (relu if n == 3 and m == 2)]
output t14 = x -> conv1x1([1, 2][n]), t15 = x -> scale(-n)
"""

LAYER_USES = """
output t1 = x -> f, t2 = x -> f -> f -> relu, t3 = x -> f * 3, t4 = x -> (f + id), t5 = x -> [f, relu, f]
output t6 = x -> relu -> f -> conv1x1(3) -> f, t7 = x -> res(f), t8 = x -> res(relu -> f), t9 = x -> (id * f)
output t10 = x -> for i in range(2) { f }, t11 = x -> [f for i in range(2)], t12 = x -> (f if 1 < 2)
output t13 = x -> f as l -> relu -> [l, id], t14 = x -> cbr3(4, act=f)
"""

X = "input x: 3x8x8\n"


def errors(text: str, **options: object) -> list[Diagnostic]:
    return [found for found in api.check(text, **options) if found.is_error]


def errors_of(path: Path) -> list[Diagnostic]:
    """What is wrong with a file, which may use others."""
    source = read_source(str(path), Limits())
    found = compile_source(source, None, {}, Limits(), project_loader(source, Limits())).diagnostics
    return [d for d in found if d.is_error]


def assert_one(text: str) -> Diagnostic:
    found = errors(text)
    assert len(found) == 1, "\n".join(map(str, api.check(text)))
    return found[0]


@pytest.mark.parametrize("mistake", TENSOR)
@pytest.mark.parametrize("form", ["t = {}", "output t = {}", "output first = x, t = {}", "t = x -> relu -> ({})"])
def test_a_tensor(form: str, mistake: str) -> None:
    """Named by a binding or an output, then read in every way."""
    text = TENSOR[mistake]
    assert_one(X + form.format(LAYER.get(mistake, text) if "({})" in form else text) + TENSOR_USES)


@pytest.mark.parametrize("mistake", NUMBER)
@pytest.mark.parametrize("form", [X + "n = {}", "net q(n={})\n" + X])
def test_a_number(form: str, mistake: str) -> None:
    """Named by a binding or a build parameter, then computed with and used as every kind of argument."""
    assert_one(form.format(NUMBER[mistake]) + NUMBER_USES)


@pytest.mark.parametrize("mistake", LAYER)
@pytest.mark.parametrize(
    "form",
    [
        "block f = {}",
        "block f(c=3) = {}",
        "block f = g where g = {}",
        "block f = relu -> g -> h where g = relu -> ({}), h = g",
        "block f = g where shared g = {}",
        "block g = {}\nblock f = g",
        "shared f = {}",
        "shared g = {}\nblock f = g -> g",
        "block f(h={}) = h",
    ],
)
def test_a_layer(form: str, mistake: str) -> None:
    assert_one(X + form.format(LAYER[mistake]) + LAYER_USES)


@pytest.mark.parametrize("mistake", NUMBER)
@pytest.mark.parametrize(
    "text",
    [
        "block f = conv1x1(g) -> conv1x1(h) -> (relu if g > 2) -> relu * g where g = {}, h = g + 1",
        "block f(g={}) = conv1x1(g) -> conv1x1(h, s=g) -> (relu if g > 2) where h = g + 1",
        "block e(g, h=g) = conv1x1(g) -> conv1x1(h) -> (relu if g > 2) -> relu * h\nblock f = e({}) -> e(3)",
        "set conv(p={})\nblock f = conv3(4) -> conv1(3) -> dwconv3",
        "set cbr(s={})\nblock f = cbr3(4) -> cbr3(3)",
        "block f = for i in [g] {{ conv1x1(i) -> relu * i }} -> [conv1x1(i + 1) for i in [2, g]] where g = {}",
    ],
)
def test_a_number_of_a_block(text: str, mistake: str) -> None:
    assert_one(text.format(NUMBER[mistake]) + "\n" + X + LAYER_USES)


@pytest.mark.parametrize(
    "shape", ["3x0x0", "0", "(3, nothere)", "3.5", "true", "(3, 8, 8, 8, 8)", "relu", "(3, 1/0)", "-3", '"a"']
)
@pytest.mark.parametrize(
    "text",
    [
        "input a: {}\noutput o = a -> relu, p = o -> [id, a], q = a + p, r = a -> conv1x1(cin)",
        "input b: 3x8x8, a: {}\noutput o = a -> relu, p = b -> conv1x1(cin) -> [id, a], q = a + b",
        "input {} -> relu as a -> conv1x1(cin, hin) -> (relu if hin > 3)\noutput o = a, p = relu, q = a -> gap",
        "input a: {}\nb = a -> relu\nc = b + a\noutput o = c, p = [b, c, a], q = c -> fc(3)",
    ],
)
def test_an_input(text: str, shape: str) -> None:
    train = "\ntrain {{ loss = mse(o) + l1(p) + cross_entropy(q)\noptimizer = sgd }}"
    assert_one((text + train).format(shape))


@pytest.mark.parametrize("form", ["aux t = {}\noutput o = x", "output t = {}, o = x"])
def test_an_output_of_the_loss(form: str) -> None:
    for mistake in TENSOR.values():
        assert_one(X + form.format(mistake) + "\ntrain { loss = mse(t) + cross_entropy(t) + l1(o)\noptimizer = sgd }")


@pytest.mark.parametrize(
    "label",
    [
        "nothere as t",
        "conv1x1(zz=1) as t",
        "(nothere -> relu as t)",
        "[relu as t, nothere]",
        "[nothere, relu as t]",
        "(relu + nothere as t)",
        "res(nothere as t)",
        "conv31x31(3) as t",
        "(relu as t if nothere else tanh)",
        "for i in nothere { relu as t }",
        "split([relu as t, nothere, relu])",
        "((nothere -> relu as t) * 2)",
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        "input 3x8x8 -> relu -> {} -> [id, t] -> (id + t)\noutput y = t -> relu, z = relu -> [t, id], w = t",
        "input x: 3x8x8\na = x -> {} -> [id, t] -> (id + t)\noutput y = t -> relu, z = x -> [t, id], w = t + a",
        "block f(c=3) = relu -> {} -> [id, t] -> (id + t)\ninput 3x8x8 -> f -> f(4) -> [f, id]",
    ],
)
def test_a_label(form: str, label: str) -> None:
    assert_one(form.format(label))


OPTIONS = {
    "loss": ("nothere", "nothere * mse", "mse - mse", "mse(nothere)", "cross_entropy(zz=1)", "triplet", "3"),
    "optimizer": ("nothere", "sgd(zz=1)", "sgd(lr=nothere)", "sgd(lr=-1)", "3"),
    "schedule": ("nothere", "cosine(zz=1)", "step(nothere)", "warmup(nothere) -> cosine", "warmup(5) -> nothere"),
    "epochs": ("nothere", "0", "true"),
    "batch": ("nothere", "0"),
    "augment": ("nothere", "[flip, nothere]", "[crop(zz=1)]", "mixup(nothere)"),
    "clip": ("nothere", "norm(nothere)"),
    "init": ("nothere", "normal(std=nothere)"),
    "weight_decay": ("nothere", "-1"),
    "label_smoothing": ("nothere", "3"),
    "precision": ("nothere", "fp8"),
    "unheard_of": ("3",),
}


@pytest.mark.parametrize(("option", "value"), [(name, value) for name, values in OPTIONS.items() for value in values])
def test_an_option_of_training(option: str, value: str) -> None:
    """Beside options that go together with the right one."""
    right = {
        "loss": "cross_entropy", "optimizer": "sgd(momentum=0.9)", "schedule": "warmup(2) -> cosine", "epochs": "10",
        "weight_decay": "0.1", "label_smoothing": "0.1", "augment": "[flip, mixup]",
    }  # fmt: skip
    options = "\n".join(f"{name} = {text}" for name, text in {**right, option: value}.items())
    assert not errors("input 3x8x8 -> gap -> fc(10)\ntrain {" + "\n".join(f"{n} = {t}" for n, t in right.items()) + "}")
    assert_one("input 3x8x8 -> gap -> fc(10)\ntrain {" + options + "}")


# Twice

TWICE = {
    "input": "input x: 3x8x8, x: 3x8x8\noutput y = x -> relu, z = x",
    "input_and_binding": "input x: 3x8x8\nx = 3\noutput y = x -> relu",
    "binding": "input x: 3x8x8\nn = 3\nn = (1, 2)\noutput y = x -> conv1x1(n) -> conv1x1(n)",
    "binding_of_a_tensor": "input x: 3x8x8\nt = x -> relu\nt = x -> tanh\noutput y = t -> relu, z = t + x",
    "output": "input x: 3x8x8\noutput y = x -> relu, y = x -> tanh, z = y",
    "block": "block f = relu\nblock f(c) = conv1x1(c)\ninput 3x8x8 -> f -> f",
    "block_and_shared": "block f = relu\nshared f = conv1x1(3)\ninput 3x8x8 -> f -> f",
    "shared": "shared f = relu\nshared f = tanh\ninput 3x8x8 -> f -> f",
    "block_and_number": "f = 3\nblock f = relu\ninput 3x8x8 -> f -> relu -> f -> conv1x1(f)",
    "parameter": "block f(c, c) = conv1x1(c)\ninput 3x8x8 -> f(3) -> f(3, 4)",
    "parameter_with_defaults": "block f(c=3, c=relu) = conv1x1(c)\ninput 3x8x8 -> f -> f(3, 4) -> f(c=3)",
    "where": "block f = conv1x1(g) -> conv1x1(g) where g = 3, g = relu\ninput 3x8x8 -> f -> f",
    "where_and_parameter": "block f(g) = conv1x1(g) -> conv1x1(g) where g = relu\ninput 3x8x8 -> f(3) -> f(4)",
    "where_shared": "block f = g -> g where g = 3, shared g = relu\ninput 3x8x8 -> f -> f",
    "build_parameter": "net n(a=2, a=relu)\ninput 3x8x8 -> conv1x1(a) -> conv1x1(a)",
    "net": "net n(a=2)\nnet m(b=2)\ninput 3x8x8 -> conv1x1(a) -> conv1x1(b) -> conv1x1(b)",
    "argument": "input 3x8x8 -> conv1x1(3, c=4) -> relu",
    "argument_by_name": "input 3x8x8 -> conv1x1(c=3, c=4) -> relu",
    "argument_and_suffix": "input 3x8x8 -> conv3x3(3, k=3) -> relu",
    "argument_of_a_block": "block f(c) = conv1x1(c)\ninput 3x8x8 -> f(3, c=4) -> f(4)",
    "option": "input 3x8x8 -> gap -> fc(3)\ntrain { loss = mse\nloss = l1\noptimizer = sgd }",
    "train": "input 3x8x8 -> gap -> fc(3)\ntrain { loss = mse\noptimizer = sgd }\ntrain { loss = l1 }",
}


@pytest.mark.parametrize("text", TWICE.values(), ids=TWICE)
def test_twice(text: str) -> None:
    """What is said twice is one mistake, which shows both places."""
    found = assert_one(text)
    assert found.code in ("E0306", "E0312", "E0318")
    assert len(found.labels) == 1 and found.span is not None
    assert found.labels[0].span.start < found.span.start


# Circles

LETTERS = "abcd"


def ring(length: int) -> list[tuple[str, str]]:
    """Names, each with the next one, and the last with the first."""
    return list(zip(LETTERS[:length], LETTERS[1:length] + "a", strict=True))


CIRCLES = {
    "tensors": (X + "{}\noutput o = a -> relu, p = x -> [id, a], q = a", "{} = {} -> relu", "\n", "E0328"),
    "sums": (X + "{}\noutput o = a -> relu, p = x -> [id, a], q = a", "{} = x + {}", "\n", "E0328"),
    "numbers": ("{}\ninput 3x8x8 -> conv1x1(a) -> conv1x1(a)", "{} = {} + 1", "\n", "E0328"),
    "outputs": (X + "output {}, o = a -> relu", "{} = {} -> relu", ", ", "E0328"),
    "where": ("block f = conv1x1(a) -> conv1x1(a) where {}\ninput 3x8x8 -> f -> f", "{} = {} + 1", ", ", "E0328"),
    "where_layers": ("block f = a -> a where {}\ninput 3x8x8 -> f -> relu -> f", "{} = {} -> relu", ", ", "E0328"),
    "layers_behind": ("block f = a -> a where {}\ninput 3x8x8 -> f -> relu -> f", "{} = relu -> {}", ", ", "E0311"),
    "blocks": ("{}\ninput 3x8x8 -> a -> relu -> a -> [a, a]", "block {} = relu -> {}", "\n", "E0311"),
    "branches": ("{}\ninput 3x8x8 -> a -> relu -> a -> [a, a]", "block {} = [relu, {}]", "\n", "E0311"),
    "shared": ("{}\ninput 3x8x8 -> a -> relu -> a -> [a, a]", "shared {} = relu -> {}", "\n", "E0311"),
}


@pytest.mark.parametrize(("kind", "length"), list(product(CIRCLES, range(1, 5))))
def test_a_circle(kind: str, length: int) -> None:
    """One error, whatever the length, that shows the chain and each place of it."""
    text, definition, joint, code = CIRCLES[kind]
    found = assert_one(text.format(joint.join(definition.format(*pair) for pair in ring(length))))
    assert found.code == code
    chain = " -> ".join(LETTERS[:length] + "a")
    assert length == 1 or f"the circle is {chain}" in found.notes
    assert len(found.labels) >= length - 1


@pytest.mark.parametrize("length", range(1, 5))
@pytest.mark.parametrize("start", range(4))
def test_a_circle_of_files(tmp_path: Path, length: int, start: int) -> None:
    """Entered at any file, and at several."""
    for name, following in ring(length):
        (tmp_path / f"{name}.cnn").write_text(f'use "{following}.cnn"\nblock {name}_ = relu\n')
    first = LETTERS[start % length]
    lines = f'use "{first}.cnn"\nuse "a.cnn"\ninput 3x8x8 -> {first}_ -> relu -> {first}_'
    (tmp_path / "main.cnn").write_text(lines)
    for name, inner in (("main", length), (first, length)):
        found = errors_of(tmp_path / f"{name}.cnn")
        assert [d.code for d in found] == ["E0338"]
        files = found[0].facts["chain"].split(" -> ")
        assert len(files) == inner + 1 and files[0] == files[-1] and len(set(files)) == inner
        assert len(found[0].labels) == inner - 1


def test_a_circle_of_values_through_a_block() -> None:
    found = assert_one("input x: 3x8x8\nblock f = relu -> [id, b]\na = x -> f\nb = a -> relu\noutput o = a, p = b")
    assert found.code == "E0328" and found.notes[0] == "the circle is f -> b -> a -> f"


# Other files


@pytest.mark.parametrize(
    ("used", "line"),
    [
        (None, 'use "used.cnn"'),
        (None, 'use "used.cnn" (f, g)'),
        ("block f = relu ->\nblock g = tanh", 'use "used.cnn"'),
        ("block f = relu ->\nblock g = tanh", 'use "used.cnn" (f, g)'),
        ("block f = relu ->\nblock g = tanh", 'use "used.cnn" (f)\nuse "used.cnn" (g)'),
        ("block g = tanh", 'use "used.cnn" (f, g)'),
        ("block f = nothere\nblock g = tanh", 'use "used.cnn"'),
        ("block f(c=nothere) = conv1x1(c)\nblock g = f", 'use "used.cnn"'),
        ("net n(c=nothere)\nblock f = conv1x1(c)\nblock g = f", 'use "used.cnn"'),
        ("block f = relu\nblock f = tanh\nblock g = f", 'use "used.cnn"'),
        ("block f(a=1, a=2) = conv1x1(a)\nblock g = f", 'use "used.cnn"'),
        ("block f = conv1x1(a) where a = 1, a = 2\nblock g = f", 'use "used.cnn"'),
    ],
)
def test_a_used_file(tmp_path: Path, used: str | None, line: str) -> None:
    if used is not None:
        (tmp_path / "used.cnn").write_text(used)
    (tmp_path / "main.cnn").write_text(line + "\ninput 3x8x8 -> f -> g -> relu -> f -> [f, g]")
    assert len(errors_of(tmp_path / "main.cnn")) == 1


# Independent mistakes are still told apart


def test_what_is_independent_is_reported() -> None:
    text = """
input x: 3x8x8, z: 3x0x0
a = nothere -> relu -> conv1x1(zz=1)
b = a -> conv1x1(yy=1)
output o = b -> elsewhere, p = z -> conv1x1(xx=1), q = a -> relu
"""
    found = [(d.code, d.span.text) for d in errors(text) if d.span]
    assert found == [
        ("E0212", "3x0x0"),
        ("E0301", "nothere"),
        ("E0302", "yy=1"),
        ("E0301", "elsewhere"),
        ("E0302", "xx=1"),
    ]


# Tensors alone


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("input a: 3x8x8, b: 3x8x8\noutput y = a + b", (3, 8, 8)),
        ("input a: 3x8x8, b: 3x8x8\noutput y = [a, b]", (6, 8, 8)),
        ("input a: 3x8x8, b: 3x8x8\noutput y = (a * b) -> conv1x1(5)", (5, 8, 8)),
        ("input a: 3x8x8, b: 3x8x8\nc = [a, b -> conv1x1(2)]\noutput y = c -> relu", (5, 8, 8)),
        ("input a: 3x8x8, b: 3x8x8\noutput y = [a, (a - b) -> relu, [b, a + b]]", (12, 8, 8)),
        ("input a: 3x8x8, b: 3x8x8\noutput y = (a + b) + a", (3, 8, 8)),
        ("input a: 3x8x8, b: 3x8x8\noutput y = (a -> conv1x1(4)) + (b -> conv1x1(4))", (4, 8, 8)),
        ("input 3x8x8 -> relu as r -> tanh as q -> conv1x1(7)\noutput y = r + q", (3, 8, 8)),
        ("input 3x8x8 -> relu as r -> tanh as q -> conv1x1(7)\ns = [r, q]\noutput y = s -> relu", (6, 8, 8)),
        ("input 3x8x8 -> relu as r -> tanh as q -> [r, q]", (6, 8, 8)),
    ],
)
def test_tensors_alone_need_no_arrow(text: str, shape: tuple[int, ...]) -> None:
    """A sum or list of tensors is one, and nothing is said of an input that it would ignore."""
    net = api.compile(text)
    assert not net.warnings
    assert net.graph.outputs[0].value.shape == shape


@pytest.mark.parametrize("group", ["(r + q)", "[r, q]", "[r -> relu, q]"])
def test_a_group_that_discards_what_arrives(group: str) -> None:
    net = api.compile(f"input 3x8x8 -> relu as r -> tanh as q -> conv1x1(7) -> {group}")
    assert [d.code for d in net.warnings] == ["W0603"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("input a: 3x8x8\noutput y = 2 * a", "E0310"),
        ("input a: 3x8x8\nb = a + 1\noutput y = b", "E0310"),
        ("input a: 3x8x8\nb = a * 2\noutput y = b", "E0315"),
        ("input a: 3x8x8\noutput y = a + relu", "E0333"),
        ("input a: 3x8x8, b: 4x8x8\noutput y = a + b", "E0203"),
        ("input a: 3x8x8, b: 3x9x9\nc = [a, b]\noutput y = c", "E0204"),
    ],
)
def test_what_is_no_sum_of_tensors(text: str, code: str) -> None:
    assert assert_one(text).code == code
