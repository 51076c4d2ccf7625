"""Classes as text: their constructors here, what they compute in `forward.py`."""

from typing import Any

from .classes import ClassCode, Leaf, Repeat, StepCode
from .forward import Forward
from .ops import literal
from .text import WIDTH, fold_progressions, layout, signature

POSITIONAL = frozenset(
    {
        "in_channels",
        "out_channels",
        "kernel_size",
        "in_features",
        "out_features",
        "num_features",
        "num_parameters",
        "p",
        "output_size",
        "negative_slope",
        "dim",
    }
)


class Writer:
    """Writes one class."""

    def __init__(self, code: ClassCode, is_net: bool, initial: list[str]) -> None:
        self.code = code
        self.initial = initial
        self.is_net = is_net

    def lines(self) -> list[str]:
        code = self.code
        base = "nn.Sequential" if code.region.positional else "nn.Module"
        body = self.constructor_body()
        if body and self.is_net:
            body += self.initial
        forward, after = Forward(code, self.count_text), []
        if not code.plain:
            after = forward.lines()
            body += [f"        self.{kept} = {name}" for name, kept in sorted(forward.counts.items())]
        lines = [f"class {code.name}({base}):"]
        if body:
            lines += [*self.signature(), *body]
        return lines + ([""] if body and after else []) + after

    # Constructors

    def signature(self) -> list[str]:
        names = ["self", *(f"{p.name}=False" if p.is_flag else p.name for p in self.code.params)]
        return signature("__init__", names)

    def constructor_body(self) -> list[str]:
        code = self.code
        if (
            code.region.positional
            and not code.owned
            and all(step.constructor is not None and _numbered(step) for step in code.steps)
        ):
            args = fold_progressions(
                [self.build(step.constructor, index, 12, 1) for index, step in enumerate(code.steps)]
            )
            return layout("", "super().__init__", args, "", 8) if args else ["        super().__init__()"]
        lines = ["        super().__init__()"]
        lines += [f"        self.{name} = {name}" for name in self.stored_flags()]
        for number, (name, node) in enumerate(code.owned.items()):
            lines += f"        self.{name} = {self.build(node, -1 - number, 8, len(f'self.{name} = '))}".split("\n")
        for index, step in enumerate(code.steps):
            if step.constructor is not None and not step.reuse:
                lines += self.attribute(index, step)
        return lines if len(lines) > 1 else []

    def stored_flags(self) -> list[str]:
        """Flags that `forward` reads: those of steps without a module."""
        return list(
            dict.fromkeys(
                self.code.flags[i]
                for i, s in enumerate(self.code.steps)
                if i in self.code.flags and s.constructor is None
            )
        )

    def attribute(self, index: int, step: StepCode) -> list[str]:
        name, flag = step.name, self.code.flags.get(index)
        if isinstance(step.constructor, Repeat) and self.count_text(step.constructor, index) != "1":
            count = self.count_text(step.constructor, index)
            stop = str(int(step.name) + int(count)) if count.isdigit() else f"{step.name} + {count}"
            loop = f"        for i in range({step.name}, {stop}):"
            return [loop, *self.add_module("str(i)", step.constructor.body, index, 12)]
        if name.isdigit():
            return self.add_module(f'"{name}"', step.constructor, index, 8)
        lead = len(f"self.{name} = ")
        text = self.build(step.constructor, index, 8, lead)
        if flag is None:
            return f"        self.{name} = {text}".split("\n")
        lines = f"        self.{name} = nn.Identity()\n        if {flag}:\n            self.{name} = ".split("\n")
        text = self.build(step.constructor, index, 12, lead)
        joined = lines[-1] + text
        short = f"        self.{name} = {text} if {flag} else nn.Identity()"
        if "\n" not in short and len(short) <= WIDTH:
            return [short]
        return [*lines[:-1], *joined.split("\n")]

    def add_module(self, name: str, node: Any, index: int, indent: int) -> list[str]:
        """A module under a number, which is no attribute's name."""
        pad = " " * indent
        text = self.build(node, index, indent, len(f"self.add_module({name}, )"))
        if "\n" not in text:
            return [f"{pad}self.add_module({name}, {text})"]
        text = self.build(node, index, indent + 4, len(f"{name}, "))
        if "\n" not in text:
            return [f"{pad}self.add_module(", f"{pad}    {name}, {text}", f"{pad})"]
        text = self.build(node, index, indent + 4, 1)
        return [f"{pad}self.add_module(", f"{pad}    {name},", *f"{pad}    {text},".split("\n"), f"{pad})"]

    def build(self, node: Any, index: int, indent: int, lead: int) -> str:
        """A constructor call as text, over several lines where it does not fit; later lines are fully indented.

        `lead` is how much else stands on the line if it is one: an assignment before it, a comma after it.
        """
        if isinstance(node, Repeat):
            return self.repeat(node, index, indent)
        callee, args = node
        name = callee.name if isinstance(callee, ClassCode) else callee
        if name == "nn.Sequential":
            texts = fold_progressions([self.build(item, index, indent + 4, 1) for item in args])
        else:
            texts = self.values(callee, args, index)
        line = f"{name}({', '.join(texts)})"
        if "\n" not in line and len(line) + indent + lead <= WIDTH:
            return line
        pad = " " * (indent + 4)
        inner = pad + ", ".join(texts)
        if name != "nn.Sequential" and "\n" not in inner and len(inner) <= WIDTH:
            return "\n".join([f"{name}(", inner, " " * indent + ")"])
        return "\n".join([f"{name}(", *(f"{pad}{text}," for text in texts), " " * indent + ")"])

    def values(self, callee: Any, args: Any, index: int) -> list[str]:
        """Arguments: the sizes that everyone knows by position, the rest by name."""
        texts = []
        own = isinstance(callee, ClassCode)
        by_place = True
        for place, (name, leaf, default) in enumerate(args):
            text = self.code.texts[index, leaf.place]
            if default is not None and text == literal(default):
                by_place = False
                continue
            by_place = by_place and (place < 2 and default is None if own else name in POSITIONAL)
            texts.append(text if by_place else f"{name}={text}")
        return texts

    def repeat(self, node: Repeat, index: int, indent: int) -> str:
        count = self.count_text(node, index)
        body = self.build(node.body, index, indent, 1)
        if count == "1":
            return body
        line = f"*({body} for _ in range({count}))"
        if "\n" not in line and len(line) + indent + 1 <= WIDTH:
            return line
        pad = " " * (indent + 4)
        body = self.build(node.body, index, indent + 4, 0)
        return "\n".join(["*(", f"{pad}{body}", f"{pad}for _ in range({count})", " " * indent + ")"])

    def count_text(self, node: Repeat, index: int) -> str:
        assert isinstance(node.times, Leaf)
        return self.code.texts[index, node.times.place]


def _numbered(step: StepCode) -> bool:
    return step.name.isdigit()
