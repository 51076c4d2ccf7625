"""The `forward` of a class as text."""

import keyword
import re
from collections.abc import Callable
from typing import Any

from ...compiler.namespace import Namespace
from .classes import ClassCode, Repeat, StepCode
from .text import OWN_NAMES, WIDTH, bracketed, signature, wrap

INLINE = 60
"""An expression that is longer gets a local of its own."""
NAME = re.compile(r"[^\W\d]\w*")
NUMBERED = re.compile(r"(.*?)([1-9][0-9]*)", re.ASCII)
TEMPORARIES = ("y", "z", "u", "v", "w")


class Forward:
    """Writes a `forward`: one statement for each heavy step with what follows it, locals named as a person would."""

    def __init__(self, code: ClassCode, count_text: Callable[[Repeat, int], str]) -> None:
        self.code = code
        self.count_text = count_text
        self.out: list[str] = []
        self.pad = " " * 8
        self.uses: dict[Any, int] = {}
        self.text: dict[Any, str] = {}  # the expression of each value
        self.pending: set[Any] = set()  # values whose expression is not yet in a local
        self.live: dict[str, Any] = {}
        self.letters: list[str] = []  # those of `live` that are reused first, in the order in which they came
        self.lowest: dict[str, int] = {}  # by the beginning of a name, the first number that may be free
        self.offsets: list[tuple[int, tuple[str, ...]]] = []  # before each step so far: modules, counts as text
        self.counts: dict[str, str] = {}  # arguments of the constructor that are read here, with their attributes
        self.modules: dict[str, str] = {}  # shared modules among the arguments of `forward`
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
        return [*signature("forward", ["self", *names]), *self.out, *returned]

    @property
    def aux_count(self) -> int:
        """How many of the results exist in training only."""
        return self.code.aux_count

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
        wanted = self.wanted_names()
        for i, name in enumerate(wanted):
            self.text["in", i] = name
            self.hold(name, ("in", i))
            if name in self.modules.values():
                self.uses["in", i] = len(self.code.steps) + 1  # a module, never overwritten
        return wanted

    def wanted_names(self) -> list[str]:
        """The arguments of `forward`: tensors, then the shared modules that it calls."""
        scope = Namespace()
        if self.code.input_names:
            return [scope.take(_local(name)) for name in self.code.input_names]
        names = [scope.take("x")]
        self.modules = {name: scope.take(_local(name)) for name in self.code.needs}
        for i in range(1, len(self.code.region.inputs)):
            hints = {region.inputs[i].hint for region in self.code.regions}
            hint = hints.pop() if len(hints) == 1 else None
            names.append(scope.take(_local(hint) if hint and _local(hint) not in scope else f"tap{i}"))
        return [*names, *self.modules.values()]

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
            bounds = stop if start == "0" else f"{start}, {stop}"
            self.out += [f"{self.pad}for i in range({bounds}):", f"{self.pad}    {name} = self[i]({arguments})"]

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
        self.hold(name, target)
        return name

    def kept(self, name: re.Match[str]) -> str:
        """An argument of the constructor as `forward` reads it."""
        if name[0] not in {param.name for param in self.code.params}:
            return name[0]
        if name[0] not in self.counts:
            self.counts[name[0]] = self.code.attributes.take(name[0])
        return f"self.{self.counts[name[0]]}"

    def offset(self, index: int) -> str:
        """How many modules a numbered class holds before a step."""
        if not self.offsets:
            self.offsets.append((len(self.code.owned), ()))  # shared modules come first
        for i in range(len(self.offsets) - 1, index):
            literal, texts = self.offsets[i]
            node = self.code.steps[i].constructor
            count = self.count_text(node, i) if isinstance(node, Repeat) else "0" if node is None else "1"
            if count.isdigit():
                literal += int(count)
            else:
                texts = (*texts, NAME.sub(self.kept, count))
            self.offsets.append((literal, texts))
        literal, texts = self.offsets[index]
        return " + ".join([*texts, str(literal)] if literal or not texts else texts)

    def shared_texts(self, step: StepCode) -> list[str]:
        """The shared modules that a call hands on."""
        return [self.shared_text(name) for name in step.passed]

    def shared_text(self, name: str) -> str:
        return f"self.{name}" if name in self.code.owned else self.modules[name]

    def express(self, index: int, step: StepCode) -> None:
        """The step as an expression, kept for the next step if only that reads it."""
        if step.times > 1:
            self.again(index, step)
            return
        if isinstance(step.constructor, Repeat) and self.count_text(step.constructor, index) != "1":
            self.loop(index, step, self.count_text(step.constructor, index))
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
            return f"torch.cat([{', '.join(operands)}], {code.concat})"
        if code.infix is not None:
            return f"{operands[0]} {code.infix} {operands[1]}"
        if code.template is not None:
            return code.template.replace("{x}", bracketed(operands[0]))
        assert code.function is not None
        return f"{code.function.callee}({', '.join([*operands, *code.function.rest])})"

    def consume(self, step: StepCode) -> None:
        """Operands lose a use; locals that nobody reads any more may be taken again."""
        for value in step.operands:
            self.uses[value] -= 1
            self.pending.discard(value)
            numbered = NUMBERED.fullmatch(self.text[value]) if self.uses[value] <= 0 else None
            if numbered:
                base, number = numbered[1], int(numbered[2])
                self.lowest[base] = min(self.lowest.get(base, number), number)

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
        self.hold(name, value)

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
        for name in self.letters:
            held = self.live[name]
            if self.uses.get(held, 0) <= 0 and held not in self.pending:
                return name
        return self.free()

    def free(self, wanted: str | None = None) -> str:
        candidates = [wanted] if wanted else list(TEMPORARIES)
        for name in candidates:
            if name not in self.live or self.uses.get(self.live[name], 0) <= 0:
                return str(name)
        base, first = wanted or "t", 1 if wanted is None else 2
        n = max(first, self.lowest.get(base, first))
        while f"{base}{n}" in self.live and self.uses.get(self.live[f"{base}{n}"], 0) > 0:
            n += 1
        self.lowest[base] = n
        return f"{base}{n}"

    def hold(self, name: str, value: Any) -> None:
        """Let a local stand for a value from here on."""
        if name not in self.live and name in ("x", *TEMPORARIES):
            self.letters.append(name)
        self.live[name] = value

    def add_into(self, index: int, step: StepCode) -> None:
        """`y += x`, which saves a tensor where the first operand has no other use."""
        target, first = ("step", index, 0), step.operands[0]
        name, other = self.text[first], self.text[step.operands[1]]
        assert step.code is not None
        self.out.append(f"{self.pad}{name} {step.code.infix}= {other}")
        self.consume(step)
        self.text[target] = name
        self.hold(name, target)

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
        self.hold(name, target)

    def unpack(self, index: int, step: StepCode, text: str) -> None:
        """A step of several results: shares of the channels, or a pooling with the indices that it took."""
        names = []
        for k in range(step.outputs):
            value = ("step", index, k)
            indices = k == 1 and step.constructor is not None and step.code is not None
            name = self.free("indices") if indices else self.local(value, step)
            self.hold(name, value)
            self.text[value] = name
            names.append(name)
        line = f"{self.pad}{', '.join(names)} = {text}"
        if len(line) > WIDTH and "(" not in line.partition(" = ")[0]:
            inner = (f"{self.pad}    {name}," for name in names)
            self.out += [f"{self.pad}(", *inner, *wrap(f"{self.pad}) = {text}")]
        else:
            self.out += wrap(line)

    def returns(self) -> list[str]:
        """The results: one tensor, the outputs of a network by name, or what a block hands its caller."""
        texts = [self.text[v] for v in self.code.results[: len(self.code.results) - self.aux_count]]
        names = self.code.output_names
        if names and len(texts) > 1:
            return wrap(self.dictionary(texts))
        return wrap(f"{self.pad}return {', '.join(texts)}")

    def dictionary(self, texts: list[str]) -> str:
        names = self.code.output_names
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
    if name.startswith("__"):  # such names mean something to Python
        return f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in OWN_NAMES else name
