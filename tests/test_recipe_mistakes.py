"""Train sections with surprising names and shapes, which run, and wrong ones, which are refused without a fault."""

import random

import cnnc
import pytest
import torch
from cnnc.backends.train.recipe import source
from cnnc.compiler.ir_text import read_graph
from cnnc.compiler.recipe.losses import LOSSES
from cnnc.compiler.recipe.optimizers import OPTIMIZERS
from cnnc.compiler.recipe.options import AUGMENTS
from cnnc.compiler.recipe.schedules import SCHEDULES

NET = "input 3x8x8 -> conv3x3(4) -> bn -> relu -> gap -> flatten -> fc(5)"
TWO = "input x: 3x8x8\nh = x -> conv3x3(4) -> gap -> flatten\noutput a = h -> fc(5), b = h -> fc(2)"


def refused(text: str, code: str) -> None:
    with pytest.raises(cnnc.CnncError) as raised:
        cnnc.compile(text)
    assert code in [found.code for found in raised.value.diagnostics]


NAMES = [
    "block step = relu\nblock adam = relu\nblock mse = relu\ninput 3x8x8 -> step -> adam -> mse\n"
    "train { loss = mse, optimizer = adam, schedule = step(3) }",
    "l1 = 0.5\ninput 3x8x8 -> relu\ntrain { loss = l1 * mse + huber, optimizer = sgd(lr=l1), l1 = l1 }",
    "adam = 0.5\nflip = 1\nfull = 8\ninput 3x8x8 -> relu\n"
    "train { loss = l1, optimizer = adam(lr=adam), augment = flip(flip), batch = full }",
    "input x: 3x8x8\noutput mse = x -> relu, l1 = x -> relu\ntrain { loss = mse(mse) + l1(l1, target=mse) }",
    "input x: 3x8x8\noutput lambda = x -> relu, t = x -> relu\ntrain { loss = mse(lambda, target=class) + l1(t) }",
    "input x: 3x8x8\noutput target = x -> relu\ntrain { loss = mse(target, target=target) }",
    "train { loss = mse }\ninput 3x8x8 -> relu",
    "input 3x8x8 -> tokens\ntrain { loss = mse }",
    "input 3x8x8 -> tokens -> mhsa(1) -> fc(4)\ntrain { loss = bce_logits }",
    "input 3x8 -> conv3(4)\ntrain { loss = cross_entropy(dense=true) }",
    "input 8 -> fc(4)\ntrain { loss = cross_entropy + hinge }",
    "input 3x5x6x7 -> conv3x3x3(4)\ntrain { loss = cross_entropy(dense=true) + nll(dense=true) }",
]


@pytest.mark.parametrize("text", NAMES)
def test_names_and_shapes(text: str) -> None:
    """The functions run on what the module returns."""
    net = cnnc.compile(text)
    y = net.to_torch()(*(torch.rand(2, *t.value.shape) for t in net.graph.inputs))
    terms = net.graph.recipe.terms if net.graph.recipe else ()
    t = {
        term.target: torch.zeros(2, *term.wants.shape, dtype=torch.long if term.wants.kind == "index" else torch.float)
        for term in terms if term.wants is not None
    }  # fmt: skip
    assert torch.isfinite(net.loss()(y, t if len(t) > 1 else next(iter(t.values()))))
    compile(source(net.graph, "loss"), "recipe.py", "exec")


WRONG = [
    ("loss =", "E0102"), ("loss", "E0102"), ("= 3", "E0102"), ("loss = cross_entropy(", "E0110"), ("lr = 3", "E0350"),
    ("loss = [[mse]]", "E0352"), ("loss = []", "E0352"), ("loss = 3 + mse", "E0352"), ("loss = mse * mse", "E0352"),
    ("loss = 1 / mse", "E0352"), ("loss = -1 * mse", "E0352"), ("loss = true * mse", "E0352"), ("loss = x", "E0351"),
    ("loss = 1e308 * 10 * mse", "E0352"), ("loss = 1e400 * mse", "E0107"), ("loss = 10**400 * mse", "E0406"),
    ("loss = mse -> mse", "E0352"), ("loss = relu", "E0351"), ("loss = huber(0.5)", "E0353"),
    ("loss = cross_entropy(target=3)", "E0353"), ("loss = mse(target=a, target=b)", "E0306"),
    ("loss = " + "mse + " * 3000 + "mse", "E0352"), ("loss = [" + "mse, " * 3000 + "mse]", "E0352"),
    ("loss = cross_entropy(ignore=10**30)", "E0209"), ("loss = cross_entropy(dense=1)", "E0304"),
    ("loss = triplet", "E0353"), ("loss = mse + cross_entropy", "E0360"), ("loss = mse\n loss = l1", "E0312"),
    ("epochs = 10**30", "E0209"), ("epochs = 1e400", "E0107"), ("epochs = 0", "E0305"), ("epochs = relu", "E0304"),
    ("batch = empty", "E0301"), ("ema = 1", "E0305"), ("seed = -1", "E0305"), ("precision = fp64", "E0304"),
    ("optimizer = [adam]", "E0351"), ("optimizer = adam -> sgd", "E0351"), ("optimizer = adam()()", "E0351"),
    ("optimizer = adam(lr=adam)", "E0301"), ("optimizer = adam(lr=-1)", "E0305"), ("optimizer = Adam", "E0351"),
    ("schedule = []", "E0351"), ("schedule = warmup(10**30) -> cosine", "E0209"), ("schedule = cosine(5)", "E0354"),
    ("schedule = warmup(2) -> warmup(3)", "E0354"), ("schedule = onecycle(max_lr=1, rise=1)", "E0305"),
    ("schedule = onecycle(max_lr=1, momentum=true), optimizer = gd", "E0354"), ("schedule = step(10)", "E0355"),
    ("clip = (1, 2)", "E0304"), ("clip = norm", "E0303"), ("clip = value(norm(1))", "E0301"), ("init = 3", "E0344"),
    ("augment = [flip, [crop]]", "E0351"), ("augment = flip -> crop", "E0351"), ("augment = [mixup, cutmix]", "E0354"),
    ("loss = mse } -> relu {", "E0102"), ("loss = mse } train { seed = 1", "E0318"), ("net x", "E0104"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "code"), WRONG, ids=[section[:40] for section, _ in WRONG])
def test_wrong_text_is_refused(section: str, code: str) -> None:
    refused(f"{NET}\ntrain {{ {section} }}", code)


def test_embeddings_name_no_target() -> None:
    pair = "input a: 4x1x1, b: 4x1x1\noutput y = a -> flatten, same = b -> flatten\n"
    refused(f"{pair} train {{ loss = contrastive(y, same, target=t) }}", "E0353")
    refused(f"{pair} train {{ loss = contrastive(y, same) + cross_entropy(same) }}", "E0360")


def test_a_schedule_without_changes() -> None:
    net = cnnc.compile(f"{NET} train {{ schedule = multistep([]) }}")
    assert net.graph.recipe is not None and net.graph.recipe.schedule[0].of("milestones") == ()


WORDS = [*LOSSES, *OPTIMIZERS, *SCHEDULES, *AUGMENTS, "norm", "value", "full", "loss", "optimizer", "schedule", "clip"]
WORDS += ["augment", "epochs", "batch", "ema", "init", "lr", "length", "by", "step", "a", "b", "target", "true", "nan"]
MARKS = ["=", "=", "(", ")", "[", "]", ",", "->", "+", "*", "-", "/", "0", "1", "0.5", "1e9", "10**9", "\n", "{", "}"]


@pytest.mark.parametrize("seed", range(8))
def test_random_words_are_read_or_refused(seed: int) -> None:
    """Never a fault: what is read has source that Python reads, and the rest has a diagnostic."""
    rng = random.Random(seed)
    for _ in range(60):
        options = rng.sample(["loss", "optimizer", "schedule", "clip", "augment", "epochs", "batch", "init"], 2)
        junk = [" ".join(rng.choice(rng.choice((WORDS, MARKS))) for _ in range(rng.randrange(1, 7))) for _ in options]
        section = "\n".join(f"{name} = {words}" for name, words in zip(options, junk, strict=True))
        try:
            net = cnnc.compile(f"{TWO}\ntrain {{ {section} }}")
        except cnnc.CnncError:
            continue
        assert read_graph(net.ir()).recipe == net.graph.recipe
