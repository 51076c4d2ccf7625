"""What is read from a `train` section: the recipe, where its values come from, and what it survives."""

from pathlib import Path
from typing import Any

import cnnc
import pytest
import torch
from cnnc.compiler.format import format_source
from cnnc.compiler.ir_text import read_graph
from cnnc.compiler.recipe.recipe import Chosen, Recipe, Target
from cnnc.compiler.source import Source

NET = "input 3x8x8 -> conv3x3(4) -> bn -> relu -> gap -> flatten -> fc(5)"
TWO = "input x: 3x8x8\nh = x -> conv3x3(4) -> gap -> flatten\noutput a = h -> fc(5), b = h -> fc(2)"


def recipe(section: str, net: str = NET, head: str = "", **params: Any) -> Recipe:
    found = cnnc.compile(f"{head}\n{net}\ntrain {{ {section} }}", params=params).graph.recipe
    assert found is not None
    return found


# Options


def test_an_empty_section_is_made_of_defaults() -> None:
    assert recipe("") == Recipe()
    assert cnnc.compile(NET).graph.recipe is None


def test_a_whole_section() -> None:
    found = recipe(
        "loss = 0.5 * cross_entropy(ignore=3), optimizer = sgd(0.1, momentum=0.9), l1 = 1e-5, batch = 64, epochs = 12\n"
        "schedule = warmup(2) -> cosine(by=epoch), clip = 1, ema = 0.99, augment = [flip, crop(2)]\n"
        "precision = bf16, seed = 7"
    )
    (term,) = found.terms
    assert (term.weight, term.outputs, term.target, term.inputs) == (0.5, ("output",), "output", ())
    assert term.wants == Target("index", (), 5) and term.loss.of("ignore") == 3
    assert found.optimizer is not None and found.optimizer.name == "sgd"
    assert [found.optimizer.of(n) for n in ("lr", "momentum", "weight_decay", "decay")] == [0.1, 0.9, 0.0, "all"]
    assert [(phase.name, phase.of("length")) for phase in found.schedule] == [("warmup", 2), ("cosine", None)]
    assert found.augment == (Chosen("flip", (("chance", 0.5),)), Chosen("crop", (("pad", 2),)))
    assert found.clip == Chosen("norm", (("limit", 1.0),))
    assert found[3:7] == ("epoch", 1e-5, 64, 12) and (found.ema, found.precision, found.seed) == (0.99, "bf16", 7)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("clip = 2", ("norm", 2.0)),
        ("clip = norm(0.5)", ("norm", 0.5)),
        ("clip = value(limit=0.1)", ("value", 0.1)),
        ("clip = 2 * limit", ("norm", 6.0)),
    ],
)
def test_forms_of_clip(section: str, expected: tuple[str, float]) -> None:
    found = recipe(section, head="limit = 3").clip
    assert found == Chosen(expected[0], (("limit", expected[1]),))


@pytest.mark.parametrize("text", ["flip", "[flip]", "(flip)", "flip(0.5)", "[flip(chance=1 / 2)]"])
def test_forms_of_augment(text: str) -> None:
    assert recipe(f"augment = {text}").augment == (Chosen("flip", (("chance", 0.5),)),)


@pytest.mark.parametrize(
    ("section", "weights"),
    [
        ("loss = cross_entropy(a) + 0.5 * mse(b)", [1, 0.5]),
        ("loss = half * (cross_entropy(a) + 3 * mse(b))", [0.5, 1.5]),
        ("loss = [cross_entropy, mse / 4]", [1, 0.25]),
        ("loss = cross_entropy(a) + 0 * mse(b)", [1, 0]),
        ("loss = (half + half) * cross_entropy(a) + mse(b)", [1, 1]),
    ],
)
def test_weights_of_terms(section: str, weights: list[float]) -> None:
    found = recipe(section, TWO, "half = 0.5").terms
    assert [term.weight for term in found] == weights
    assert [term.loss.name for term in found] == ["cross_entropy", "mse"]
    assert [(term.outputs, term.target) for term in found] == [(("a",), "a"), (("b",), "b")]


def test_numbers_and_build_parameters_reach_options() -> None:
    head = "net n(rate=0.1, rounds=10, soft=0.1)\ntwice = 2 * rate"
    section = (
        "loss = twice * cross_entropy(label_smoothing=soft), optimizer = adam(lr=rate, weight_decay=twice / 10)\n"
        "epochs = rounds, schedule = constant(rounds - 1) -> cosine(min_lr=rate / 100), clip = rate, ema = 1 - rate"
    )
    for params in ({}, {"rate": 0.5, "rounds": 4, "soft": 0.0}):
        rate, rounds, soft = ({"rate": 0.1, "rounds": 10, "soft": 0.1} | params).values()
        found = recipe(section, head=head, **params)
        assert found.optimizer is not None and found.clip is not None
        assert found.terms[0].weight == 2 * rate and found.terms[0].loss.of("label_smoothing") == soft
        assert (found.optimizer.of("lr"), found.optimizer.of("weight_decay")) == (rate, 2 * rate / 10)
        assert (found.epochs, found.schedule[0].of("length"), found.ema) == (rounds, rounds - 1, 1 - rate)
        assert (found.schedule[1].of("min_lr"), found.clip.of("limit")) == (rate / 100, rate)


def test_options_that_move() -> None:
    """weight_decay into the optimizer, label_smoothing into each cross_entropy without one, gd to the whole set."""
    assert recipe("optimizer = gd").batch is None and recipe("optimizer = gd, batch = full").batch is None
    assert recipe("batch = full").batch is None and recipe("optimizer = sgd").batch == 32
    for text in ("weight_decay = 0.1, optimizer = adamw", "optimizer = adamw(weight_decay=0.1)"):
        moved = recipe(text).optimizer
        assert moved is not None and moved.of("weight_decay") == 0.1
    terms = recipe(
        "loss = cross_entropy(a) + cross_entropy(b, label_smoothing=0.3) + hinge(a), label_smoothing = 0.1", TWO
    ).terms
    assert [term.loss.of("label_smoothing") for term in terms] == [0.1, 0.3, None]


def test_init_reaches_weights() -> None:
    """As `set init` does, which has the last word."""

    def weights(text: str) -> dict[str, torch.Tensor]:
        return cnnc.compile(text).to_torch(seed=3).state_dict()

    by_section = weights(f"{NET}\ntrain {{ init = constant(0.25) }}")
    by_set = weights(f"set init(constant(0.25))\n{NET}")
    assert all(torch.equal(by_section[name], by_set[name]) for name in by_set)
    assert not all(torch.equal(by_section[name], value) for name, value in weights(NET).items())
    both = weights(f"set init(constant(0.5))\n{NET}\ntrain {{ init = constant(0.25) }}")
    alone = weights(f"set init(constant(0.5))\n{NET}")
    assert all(torch.equal(both[name], alone[name]) for name in alone)


# What a recipe survives


SECTION = """
    loss = 0.1 * cross_entropy(label_smoothing=0.1) + hinge   # both
    optimizer = sgd(lr=0.1, momentum=0.9, decay=weights)
    schedule = warmup(2, start=1e-3) -> multistep((3, 5), gamma=0.3)
    weight_decay = 1e-4
    clip = value(0.5), augment = [flip, rotate(10)], batch = full, ema = 0.5
"""


def test_text_and_format_keep_it() -> None:
    net = cnnc.compile(f"{NET} train {{ {SECTION} }}")
    assert read_graph(net.ir()).recipe == net.graph.recipe
    for text in (f"{NET} train {{ {SECTION} }}", f"{NET}\ntrain{{loss=mse,epochs=3,optimizer=adam}}"):
        laid_out = format_source(Source(text))
        assert format_source(Source(laid_out)) == laid_out
        assert cnnc.compile(laid_out).graph.recipe == cnnc.compile(text).graph.recipe


def test_a_section_changes_no_analysis() -> None:
    with_section, without = cnnc.compile(f"{NET} train {{ {SECTION} }}"), cnnc.compile(NET)
    assert with_section.to_dict() == without.to_dict()
    assert with_section.report() == without.report()


@pytest.mark.parametrize(
    ("net", "loss", "target"),
    [
        ("input 3xHxW -> conv3x3(4)", "mse", Target("real", (4, 6, 7))),
        ("input 3xHxW -> conv3x3(4)", "cross_entropy(dense=true)", Target("index", (6, 7), 4)),
        ("input 3xHxW -> gap -> fc(4)", "cross_entropy", Target("index", (), 4)),
    ],
)
def test_sizes_put_in_later(net: str, loss: str, target: Target) -> None:
    """At a size the recipe is that of the program with this size, and its loss runs."""
    text = f"{net} train {{ loss = {loss} }}"
    sized = cnnc.compile(text).at(H=8, W=9)
    given = cnnc.compile(text.replace("HxW", "8x9"))
    assert sized.graph.recipe == given.graph.recipe
    assert sized.graph.recipe is not None and sized.graph.recipe.terms[0].wants == target
    y = sized.to_torch()(torch.randn(2, 3, 8, 9))
    t = torch.zeros(2, *target.shape, dtype=torch.long if target.kind == "index" else torch.float32)
    assert torch.isfinite(sized.loss()(y, t))


@pytest.mark.parametrize(("loss", "code"), [("cross_entropy", "E0356"), ("mse + cross_entropy(dense=true)", "E0360")])
def test_sizes_that_do_not_fit_a_loss(loss: str, code: str) -> None:
    net = cnnc.compile(f"input 3xHxW -> conv3x3(4)\ntrain {{ loss = {loss} }}")
    with pytest.raises(cnnc.CnncError) as raised:
        net.at(H=9, W=9)
    assert raised.value.code == code and raised.value.span is not None


def test_sections_of_used_files_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "part.cnn").write_text(
        "block stem = conv3x3(4) -> relu\ninput 3x8x8 -> stem\ntrain { loss = mse, epochs = 3, init = constant(1) }"
    )
    main = tmp_path / "main.cnn"
    main.write_text('use "part.cnn" (stem)\ninput 3x8x8 -> stem\n')
    assert cnnc.load(main).graph.recipe is None and not cnnc.load(main).graph.initials
    main.write_text('use "part.cnn" (stem)\ninput 3x8x8 -> stem\ntrain { loss = l1 }')
    found = cnnc.load(main).graph.recipe
    assert found is not None and [term.loss.name for term in found.terms] == ["l1"] and found.epochs == 10
