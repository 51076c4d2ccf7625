"""Classes as text: constructors, forwards, and the module around them, laid out in 88 columns."""

import keyword
import re
from typing import Any

from .classes import ClassCode, Leaf, Repeat, StepCode
from .lower import literal

WIDTH = 88
INLINE = 60
"""An expression that is longer gets a local of its own."""
NUMBER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")
TEMPORARIES = ("y", "z", "u", "v", "w")


def layout(prefix: str, head: str, args: list[str], suffix: str, indent: int) -> list[str]:
    """`prefix head(args) suffix` on one line, or with one argument a line where that is too long.

    An argument of several lines has all but the first indented already.
    """
    pad = " " * indent
    line = f"{pad}{prefix}{head}({', '.join(args)}){suffix}"
    if len(line) <= WIDTH and "\n" not in line:
        return [line]
    lines = [f"{pad}{prefix}{head}("]
    for arg in args:
        lines += f"{pad}    {arg},".split("\n")
    return [*lines, f"{pad}){suffix}"]


class Writer:
    """Writes one class."""

    def __init__(self, code: ClassCode, is_net: bool) -> None:
        self.code = code
        self.is_net = is_net
        self.needs_f = False

    def lines(self) -> list[str]:
        code = self.code
        base = "nn.Sequential" if code.region.positional else "nn.Module"
        body = self.constructor_body()
        signature = ", ".join(["self", *(f"{p.name}=False" if p.is_flag else p.name for p in code.params)])
        lines = [f"class {code.name}({base}):"]
        if body:
            lines += [f"    def __init__({signature}):", *body]
        if not code.plain:
            forward = Forward(self)
            text = forward.lines()
            lines += ([""] if body else []) + text
        return lines

    # Constructors

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


def fold_progressions(texts: list[str]) -> list[str]:
    """Runs of calls that differ in one evenly growing number as `*(Layer(n) for n in range(64, 256, 32))`."""
    result: list[str] = []
    at = 0
    while at < len(texts):
        length, folded = _progression(texts, at)
        result.append(folded if length >= 3 else texts[at])
        at += length if length >= 3 else 1
    return result


def _progression(texts: list[str], at: int) -> tuple[int, str]:
    """How many texts from `at` on form a progression, and the loop that stands for them."""
    parts = [NUMBER.split(text) for text in texts[at : at + 2]]
    if len(parts) < 2 or len(parts[0]) != len(parts[1]) or "for _ in" in texts[at]:
        return 1, ""
    places = [i for i, (a, b) in enumerate(zip(*parts, strict=True)) if a != b]
    if len(places) != 1 or not parts[0][places[0]].isdigit() or not parts[1][places[0]].isdigit():
        return 1, ""
    place, before, after = places[0], parts[0][: places[0]], parts[0][places[0] + 1 :]
    first = int(parts[0][place])
    step = int(parts[1][place]) - first
    length = 2
    while at + length < len(texts) and texts[at + length] == "".join([*before, str(first + length * step), *after]):
        length += 1
    loop = f"*({''.join([*before, 'n', *after])} for n in range({first}, {first + length * step}, {step}))"
    return (length, loop) if "\n" not in loop and len(loop) < WIDTH - 16 and first + length * step >= 0 else (1, "")


def _numbered(step: StepCode) -> bool:
    return step.name.isdigit()


class Forward:
    """Writes a `forward`: one statement for each heavy step with what follows it, locals named as a person would."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.code = writer.code
        self.out: list[str] = []
        self.pad = " " * 8
        self.uses: dict[Any, int] = {}
        self.text: dict[Any, str] = {}  # the expression of each value
        self.pending: set[Any] = set()  # values whose expression is not yet in a local
        self.live: dict[str, Any] = {}
        for step in self.code.steps:
            for value in step.operands:
                self.uses[value] = self.uses.get(value, 0) + 1
        for value in self.code.results:
            self.uses[value] = self.uses.get(value, 0) + 1

    def lines(self) -> list[str]:
        names = self.input_names()
        late = self.training_only()
        for index, step in enumerate(self.code.steps):
            if index not in late:
                self.step(index, step)
        returned = self.returns_with_aux(late) if self.aux_count else self.returns()
        return [f"    def forward(self, {', '.join(names)}):", *self.out, *returned]

    @property
    def aux_count(self) -> int:
        """How many of the results exist in training only."""
        return getattr(self.code, "aux_count", 0)

    def training_only(self) -> set[int]:
        """The steps that only training outputs need."""
        results = self.code.results
        main = self.needed(results[: len(results) - self.aux_count])
        return self.needed(results) - main

    def needed(self, values: list[Any]) -> set[int]:
        """The steps that lead to some values."""
        wanted = {value[1] for value in values if value[0] == "step"}
        for index in range(len(self.code.steps) - 1, -1, -1):
            if index in wanted:
                wanted.update(v[1] for v in self.code.steps[index].operands if v[0] == "step")
        return wanted

    def input_names(self) -> list[str]:
        wanted = self.writer_input_names()
        for i, name in enumerate(wanted):
            self.text["in", i] = name
            self.live[name] = ("in", i)
            if name in map(_local, self.code.needs):
                self.uses["in", i] = len(self.code.steps) + 1  # a module, never overwritten
        return wanted

    def writer_input_names(self) -> list[str]:
        count = len(self.code.region.inputs)
        terminals = getattr(self.code, "input_names", None)
        if terminals:
            return [_local(name) for name in terminals]
        names = ["x"]
        for i in range(1, count):
            hints = {region.inputs[i].hint for region in self.code.regions}
            hint = hints.pop() if len(hints) == 1 else None
            names.append(_local(hint) if hint and _local(hint) not in names else f"tap{i}")
        return [*names, *map(_local, self.code.needs)]

    def step(self, index: int, step: StepCode) -> None:
        flag = self.code.flags.get(index)
        optional = flag is not None and step.constructor is None
        for value in step.operands:
            if value in self.pending and (step.heavy or optional or len(step.operands) > 1):
                self.settle(value)
        if optional:
            self.optional(index, step, str(flag))
        elif step.overwrite and not self.is_shared_name(step.operands[0]):
            self.add_into(index, step)
        else:
            self.express(index, step)

    def loop(self, index: int, step: StepCode, count: str) -> None:
        """Several instances in sequence, where the class is no plain `nn.Sequential`."""
        name = self.carry(index, step)
        arguments = ", ".join([name, *self.shared_texts(step)])
        start, stop = self.offset(index), self.offset(index + 1)
        whole = start == "0" and index + 1 == len(self.code.steps)
        if whole:
            self.out += [f"{self.pad}for layer in self:", f"{self.pad}    {name} = layer({arguments})"]
        else:
            self.out += [f"{self.pad}for i in range({start}, {stop}):", f"{self.pad}    {name} = self[i]({arguments})"]

    def again(self, index: int, step: StepCode) -> None:
        """One shared module several times in sequence."""
        name = self.carry(index, step)
        call = self.call(index, step, [name])
        self.out += [f"{self.pad}for _ in range({step.times}):", f"{self.pad}    {name} = {call}"]

    def carry(self, index: int, step: StepCode) -> str:
        """The local that a loop reads and writes anew in each turn, holding the step's operand so far."""
        target, first = ("step", index, 0), step.operands[0]
        if first in self.pending:
            self.settle(first)
        source = self.text[first]
        self.consume(step)
        name = self.local(target, step)
        if name != source:
            self.out.append(f"{self.pad}{name} = {source}")
        self.text[target] = name
        self.live[name] = target
        return name

    def offset(self, index: int) -> str:
        """How many modules a numbered class holds before a step."""
        literal, texts = 0, []
        for i, step in enumerate(self.code.steps[:index]):
            node = step.constructor
            if node is None:
                continue
            count = self.writer.count_text(node, i) if isinstance(node, Repeat) else "1"
            if count.isdigit():
                literal += int(count)
            else:
                texts.append(count)
        return " + ".join([*texts, str(literal)] if literal or not texts else texts)

    def shared_texts(self, step: StepCode) -> list[str]:
        """The shared modules that a call hands on."""
        return [self.shared_text(name) for name in step.passed]

    def shared_text(self, name: str) -> str:
        return f"self.{name}" if name in self.code.owned else _local(name)

    def express(self, index: int, step: StepCode) -> None:
        """The step as an expression, kept for the next step if only that reads it."""
        if step.times > 1:
            self.again(index, step)
            return
        if isinstance(step.constructor, Repeat) and self.writer.count_text(step.constructor, index) != "1":
            self.loop(index, step, self.writer.count_text(step.constructor, index))
            return
        operands = [self.text[v] for v in step.operands]
        text = self.call(index, step, operands)
        if len(text) > INLINE and step.code is not None and step.code.template and step.operands[0] in self.pending:
            self.settle(step.operands[0])
            text = self.call(index, step, [self.text[v] for v in step.operands])
        target = ("step", index, 0)
        self.consume(step)
        if step.outputs > 1:
            self.unpack(index, step, text)
            return
        self.text[target] = text
        self.pending.add(target)
        self.origin = step
        self._step_of = {**getattr(self, "_step_of", {}), target: index}
        following = self.code.steps[index + 1] if index + 1 < len(self.code.steps) else None
        alone = self.uses.get(target, 0) == 1 and following is not None and target in following.operands
        last = following is None and self.uses.get(target, 0) == 1
        if not (alone or last) or len(text) > INLINE:
            self.settle(target)

    def call(self, index: int, step: StepCode, operands: list[str]) -> str:
        code = step.code
        if code is not None and code.flatten:
            operands = [f"torch.flatten({operands[0]}, 1)"]
        operands = [*operands, *self.shared_texts(step)]
        if step.shared:
            return f"{self.shared_text(step.shared)}({', '.join(operands)})"
        if step.constructor is not None:
            name = step.name
            holder = f"self[{self.offset(index)}]" if name.isdigit() else f"self.{name}"
            if code is not None and code.extra is not None:
                operands = [*operands, code.extra]
            return f"{holder}({', '.join(operands)})"
        assert code is not None
        if code.concat:
            return f"torch.cat([{', '.join(operands)}], 1)"
        if code.infix is not None:
            return f"{operands[0]} {code.infix} {operands[1]}"
        if code.template is not None:
            return code.template.replace("{x}", operands[0])
        assert code.function is not None
        self.writer.needs_f = self.writer.needs_f or code.function.callee.startswith("F.")
        return f"{code.function.callee}({', '.join([*operands, *code.function.rest])})"

    def consume(self, step: StepCode) -> None:
        """Operands lose a use; locals that nobody reads any more may be taken again."""
        for value in step.operands:
            self.uses[value] -= 1
            self.pending.discard(value)

    def is_shared_name(self, value: Any) -> bool:
        return bool(value[0] == "in")

    def settle(self, value: Any, name: str | None = None) -> None:
        """Write a pending expression into a local."""
        self.pending.discard(value)
        step = self.code.steps[value[1]]
        name = name or self.local(value, step)
        self.assign(name, value, self.text[value], value[1])

    def assign(self, name: str, value: Any, text: str, index: int) -> None:
        comment = self.shape_comment(index)
        line = f"{self.pad}{name} = {text}"
        if len(line) > WIDTH:
            self.out += wrap(line)
        else:
            self.out.append(line + comment if len(line + comment) <= WIDTH else line)
        self.text[value] = name
        self.live[name] = value

    def shape_comment(self, index: int) -> str:
        shapes = {s for s in self.code.shapes[index] if s}
        return f"  # {'x'.join(map(str, shapes.pop()))}" if len(shapes) == 1 else ""

    def local(self, value: Any, step: StepCode) -> str:
        """A name for a new tensor: that of an operand which ends here, a label, a branch, or the next free letter."""
        if step.kind.startswith("branch"):
            return self.free(step.kind)
        if step.label and self.uses.get(value, 0) > 1:
            return self.free(_local(step.label))
        if step.hint:
            return self.free(_local(step.hint))
        for name, held in self.live.items():
            if self.uses.get(held, 0) <= 0 and held not in self.pending and name in ("x", *TEMPORARIES):
                return name
        return self.free()

    def free(self, wanted: str | None = None) -> str:
        candidates = [wanted] if wanted else list(TEMPORARIES)
        for name in candidates:
            if name not in self.live or self.uses.get(self.live[name], 0) <= 0:
                return str(name)
        base, n = wanted or "t", 1 if wanted is None else 2
        while f"{base}{n}" in self.live and self.uses.get(self.live[f"{base}{n}"], 0) > 0:
            n += 1
        return f"{base}{n}"

    def add_into(self, index: int, step: StepCode) -> None:
        """`y += x`, which saves a tensor where the first operand has no other use."""
        target, first = ("step", index, 0), step.operands[0]
        name, other = self.text[first], self.text[step.operands[1]]
        assert step.code is not None
        self.out.append(f"{self.pad}{name} {step.code.infix}= {other}")
        self.consume(step)
        self.text[target] = name
        self.live[name] = target

    def optional(self, index: int, step: StepCode, flag: str) -> None:
        """A step without a module that some instances lack."""
        target = ("step", index, 0)
        operands = [self.text[v] for v in step.operands]
        assert step.code is not None and step.code.infix is not None
        self.consume(step)
        first = step.operands[0]
        if self.uses.get(first, 0) > 0 or first[0] == "in":
            name = self.free()
            self.out.append(f"{self.pad}{name} = {operands[0]}")
        else:
            name = operands[0]
        text = (
            f"{name} {step.code.infix}= {operands[1]}"
            if step.overwrite
            else f"{name} = {name} {step.code.infix} {operands[1]}"
        )
        self.out += [f"{self.pad}if self.{flag}:", f"{self.pad}    {text}"]
        self.text[target] = name
        self.live[name] = target

    def unpack(self, index: int, step: StepCode, text: str) -> None:
        """A step of several results: shares of the channels, or a pooling with the indices that it took."""
        names = []
        for k in range(step.outputs):
            value = ("step", index, k)
            indices = k == 1 and step.constructor is not None and step.code is not None
            name = self.free("indices") if indices else self.local(value, step)
            self.live[name] = value
            self.text[value] = name
            names.append(name)
        self.out += wrap(f"{self.pad}{', '.join(names)} = {text}")

    def returns(self) -> list[str]:
        """The results: one tensor, the outputs of a network by name, or what a block hands its caller."""
        texts = [self.text[v] for v in self.code.results[: len(self.code.results) - self.aux_count]]
        names = getattr(self.code, "output_names", None)
        if names and len(texts) > 1:
            return wrap(self.dictionary(texts))
        return wrap(f"{self.pad}return {', '.join(texts)}")

    def dictionary(self, texts: list[str]) -> str:
        names = self.code.output_names  # type: ignore[attr-defined]
        pairs = ", ".join(f'"{name}": {text}' for name, text in zip(names, texts, strict=False))
        return f"{self.pad}return {{{pairs}}}"

    def returns_with_aux(self, late: set[int]) -> list[str]:
        """The results in training, whose further steps inference leaves out, and those in inference."""
        for value in self.code.results:
            if value in self.pending:
                self.settle(value)
        final = self.returns()
        inference, self.out, self.pad = self.out, [], self.pad + "    "
        for index in sorted(late):
            self.step(index, self.code.steps[index])
        training = [*self.out, *wrap(self.dictionary([self.text[v] for v in self.code.results]))]
        self.out = inference
        return [f"{self.pad[4:]}if self.training:", *training, *final]


def _local(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) or name in ("self", "torch", "nn", "F") else name


def wrap(line: str) -> list[str]:
    """A long statement with the outermost brackets' contents one a line."""
    if len(line) <= WIDTH:
        return [line]
    opening = min((i for i in (line.find("("), line.find("["), line.find("{")) if i >= 0), default=-1)
    if opening < 0:
        return [line]
    closing = len(line) - 1
    indent = " " * (len(line) - len(line.lstrip()))
    inner = line[opening + 1 : closing]
    parts = split_arguments(inner)
    lines = [line[: opening + 1]]
    if len(parts) == 1:
        body = wrap(f"{indent}    {parts[0]}")
        return [*lines, *body, f"{indent}{line[closing:]}"]
    for part in parts:
        lines += (
            wrap(f"{indent}    {part},") if len(f"{indent}    {part},") <= WIDTH else wrap_item(f"{indent}    {part}")
        )
    return [*lines, f"{indent}{line[closing:]}"]


def wrap_item(line: str) -> list[str]:
    lines = wrap(line)
    return [*lines[:-1], f"{lines[-1]},"]


def split_arguments(text: str) -> list[str]:
    """The parts of an argument list, at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]
