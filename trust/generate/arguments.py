"""Arguments of layers, drawn from the kinds of their signatures, so that a new layer is covered by itself."""

from math import prod
from random import Random
from typing import Any

from cnnc.compiler.ops import kinds
from cnnc.compiler.ops.kinds import REQUIRED, Kind

from .draft import Scope, Shape
from .numbers import number

DIVISORS = ("g", "groups", "heads", "offset_groups", "r", "m")
"""Arguments that the channels must usually be a multiple of."""


class Arguments:
    """Draws values for one input shape."""

    def __init__(self, random: Random, shape: Shape, scope: Scope) -> None:
        self.random, self.shape, self.scope = random, shape, scope
        self.rank = max(len(shape) - 1, 0)

    def draw(self, layer: str, name: str, kind: Kind) -> str:
        """Text of a value; empty where there is none to draw, such as a label of a pool where none was set."""
        if isinstance(kind, kinds.Optional):
            return self.draw(layer, name, kind.kind)
        found: str = getattr(self, f"draw_{type(kind).__name__.lower()}")(layer, name, kind)
        return found

    def whole(self, n: int) -> str:
        return number(n, self.scope, self.random)

    def draw_integer(self, layer: str, name: str, kind: kinds.Integer) -> str:
        channels = self.shape[0] if self.shape else 1
        choose = self.random.choice
        if name in ("c", "n"):
            return self.whole(choose((1, 2, 3, 4, 4, 6, 8, channels, channels, 2 * channels)))
        if name in DIVISORS or layer == "maxout":
            squared = layer == "pixelshuffle"
            fitting = [n for n in range(1, 7) if channels % (n * n if squared else n) == 0]
            return self.whole(choose(fitting) if self.random.random() < 0.85 else choose((1, 2, 3, channels)))
        if name in ("a", "b"):
            return self.whole(self.random.randint(kind.least, channels))
        if name == "size":
            return self.whole(self.random.randint(1, channels + 2))
        return self.whole(self.random.randint(kind.least, kind.least + 3))

    def draw_peraxis(self, layer: str, name: str, kind: kinds.PerAxis) -> str:
        least = kind.each.least
        values = [self.extent(layer, name, least, n) for n in self.shape[1:]] or [least]
        if len(set(values)) == 1 or self.random.random() < 0.5:
            return self.whole(values[0])
        if min(values) > 0 and self.random.random() < 0.5:
            return "x×"[self.random.random() < 0.1].join(map(str, values))
        return f"({', '.join(map(self.whole, values))})" if len(values) > 1 else f"({values[0]},)"

    def extent(self, layer: str, name: str, least: int, n: int) -> int:
        """A value for an axis of extent n; at times as large as can be, or larger."""
        random, extreme = self.random, self.random.random() < 0.12
        if name == "k":
            return random.choice((n, n + 1, n + 2)) if extreme else random.choice((1, 2, 3, 3, 4, 5))
        if name == "s":
            return random.choice((n, n + 1, 5)) if extreme else random.choice((1, 1, 2, 2, 3))
        if name == "d":
            return random.choice((max(n - 1, 1), n, 4)) if extreme else random.choice((1, 1, 1, 2, 3))
        if name == "size":
            return random.randint(1, 2 * n + 1) if extreme else random.randint(1, min(n + 2, 9))
        if name == "scale":
            return 5 if extreme else random.choice((1, 2, 2, 3))
        return max(least, 4 if extreme else random.randint(0, 2))

    def draw_padding(self, layer: str, name: str, kind: kinds.Padding) -> str:
        random, form = self.random, self.random.random()
        sides = [(random.randint(0, 2), random.randint(0, 2)) for _ in range(self.rank)] or [(0, 0)]
        if form < 0.3 and layer not in ("pad", "crop"):
            word = random.choice(("same", "same", "same_upper", "valid"))
            return f'"{word}"' if random.random() < 0.1 else word
        if form < 0.6:
            return self.whole(sides[0][0])
        if form < 0.75:
            return f"({', '.join(str(a) for a, _ in sides)},)"
        return f"({', '.join(f'({a}, {b})' for a, b in sides)},)"

    def draw_number(self, layer: str, name: str, kind: kinds.Number) -> str:
        """Mostly near the default or within the bounds; what makes every result vanish or explode is left out."""
        random = self.random
        low, high = max(kind.low, -2.0), min(kind.high, 3.0)
        if name == "eps":
            return random.choice(("1e-5", "1e-3", "0.01", "0.1", "1.0", "2"))
        if name in ("lo", "hi"):
            value = random.uniform(-1.5, 0.2) if name == "lo" else random.uniform(0.25, 3.0)
        elif layer == "lppool":
            value = random.choice((1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 1.5))  # 1.5 of what is negative is not a number
        elif layer == "lrn":
            value = random.uniform(0.0, 2.0) if name == "alpha" else random.uniform(0.5, 2.0)
        elif low == 0.0:
            value = random.uniform(0.05, min(high, 2.0))
        elif random.random() < 0.3:
            value = float(random.randint(-1, 2))
        else:
            value = random.uniform(low, high)
        ends = [x for x, is_open in ((kind.low, kind.open_low), (kind.high, kind.open_high)) if not is_open]
        if name in ("p", "momentum") and random.random() < 0.15:
            value = random.choice(ends)
        text = f"{value:.3g}"
        return text[:-2] if text.endswith(".0") else text

    def draw_flag(self, layer: str, name: str, kind: kinds.Flag) -> str:
        return self.random.choice(("true", "false"))

    def draw_word(self, layer: str, name: str, kind: kinds.Word) -> str:
        word = self.random.choice(kind.words)
        return f'"{word}"' if self.random.random() < 0.1 else word

    def draw_shaped(self, layer: str, name: str, kind: kinds.Shaped) -> str:
        """The elements shared out among one to four axes."""
        rest, axes = prod(self.shape), []
        for _ in range(self.random.randint(0, 3)):
            divisors = [n for n in range(1, min(rest, 40) + 1) if rest % n == 0]
            axes.append(self.random.choice(divisors))
            rest //= axes[-1]
        axes.insert(self.random.randint(0, len(axes)), rest)
        return f"({', '.join(map(self.whole, axes))},)"

    def draw_order(self, layer: str, name: str, kind: kinds.Order) -> str:
        axes = list(range(len(self.shape)))
        self.random.shuffle(axes)
        return f"({', '.join(map(str, axes))},)"

    def draw_pooltap(self, layer: str, name: str, kind: kinds.PoolTap) -> str:
        return self.latest("p")

    def draw_tensor(self, layer: str, name: str, kind: kinds.Tensor) -> str:
        return self.latest("t")

    def latest(self, letter: str) -> str:
        """The label with that letter that was set last."""
        return next((name for name in reversed(self.scope.taps) if name[0] == letter), "")


def layer_text(entry: Any, random: Random, shape: Shape, scope: Scope) -> str:
    """A use of a layer with drawn arguments: some by position, the rest by name, a kernel perhaps as a suffix."""
    draws = Arguments(random, shape, scope)
    wanted = {
        name: kind
        for name, kind in entry.params.items()
        if kind.default is REQUIRED or random.random() < (0.45 if len(entry.params) > 2 else 0.6)
    }
    values = {name: draws.draw(entry.name, name, kind) for name, kind in wanted.items()}
    values = {name: value for name, value in values.items() if value}
    suffix = ""
    if entry.suffix in values and values[entry.suffix].replace("x", "").isdigit() and random.random() < 0.6:
        suffix = values.pop(entry.suffix)
    called = random.choice((entry.name, entry.name, *entry.aliases))
    given = spread(values, [name for name in entry.params if not (suffix and name == entry.suffix)], random)
    return f"{called}{suffix}({given})" if given or random.random() < 0.1 else f"{called}{suffix}"


def spread(values: dict[str, str], order: list[str], random: Random) -> str:
    """Arguments by position as far as they go without a gap and chance will have it, the rest by name in any order."""
    first = []
    for name in order:
        if name not in values or random.random() < 0.3:
            break
        first.append(values.pop(name))
    rest = [f"{name}={value}" for name, value in values.items()]
    random.shuffle(rest)
    return ", ".join([*first, *rest])
