"""Syntax tree and tokens to documents: how each form of the language is laid out.

What fits on a line stands on one. Otherwise:

- A chain breaks before arrows. Breaks that its author made there stay, since they show the network's stages; between
  them the lines are as few as possible and about equally long. An input stands above the chain that flows from it.
- What a block, binding or shared layer stands for goes to the next lines, indented; a list or loop opens on the first.
- Lists have one entry a line, definitions too; arguments, parameters and lists of numbers fill their lines.
- Sums, products and conditions break before an operator.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from . import syntax as ast
from .comments import Token, tokens_of
from .layout import HARD, LINE, SOFT, SPACE, Broken, Doc, Fill, Group, Item, Own, Printer, Seq, Style, Text, Trailing

N = TypeVar("N")


class Formatter:
    """Turns tree and tokens into documents. Every method takes the tokens of its node, in order, off the front."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens_of(text)
        self.at = 0
        self.texts: dict[str, Text] = {}

    # Tokens

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Doc:
        """The next token with its comments."""
        token = self.next
        above = self.above() if token.above else []
        self.at += 1
        doc = self.texts.get(token.text)
        if doc is None:
            doc = self.texts[token.text] = Text(token.text, hugs=token.text in (")", "]", ","))
        if not above and not token.trail:
            return doc
        return Seq([*above, doc, *([Trailing(token.trail)] if token.trail else [])])

    def above(self) -> list[Own]:
        """The comments on lines of their own above the next token; they are not given again."""
        comments = self.next.above
        if not comments:
            return []
        self.next.above = ()
        return [Own(c.text, c.gap) for c in comments]

    def words(self, count: int) -> list[Doc]:
        """Some tokens with spaces between them."""
        docs = [self.take()]
        for _ in range(count - 1):
            docs += [SPACE, self.take()]
        return docs

    def closing(self) -> list[Doc]:
        """A closing bracket that stands where its contents end, unless comments keep it from them."""
        above = self.above()
        return [Seq(above, nest=4), self.take()] if above else [self.take()]

    # The file and its items

    def file(self, tree: ast.File) -> str:
        printer = Printer()
        for item in tree.items:
            self.between(printer)
            printer.show(self.item(item), 0, 0)
        self.between(printer)
        return printer.text()

    def between(self, printer: Printer) -> None:
        """Begin a new line after an item: the comments before the next one, and an empty line if one was there."""
        for comment in self.above():
            printer.own(comment, 0)
        printer.newline(0)
        if self.next.gap:
            printer.gap()

    def item(self, item: ast.Item) -> Doc:
        match item:
            case ast.Net(params=params):
                return Seq([*self.words(2), *self.params(params)])
            case ast.Set(args=args):
                return Seq([*self.words(2), *self.arguments(args)])
            case ast.Use(names=names):
                return Seq([*self.words(2), *([SPACE, *self.bracketed(names, self.expr)] if names else [])])
            case ast.Block():
                return self.block(item)
            case ast.Shared(body=body):
                return Seq(self.declared(self.words(3), body))
            case ast.Binding(define=define):
                return Seq(self.declared(self.words(2), define.value))
            case ast.Input():
                return self.input(item)
            case ast.Output(results=results) | ast.Aux(results=results):
                return Seq([self.take(), SPACE, self.definitions(results)])
            case ast.Train():
                return self.train(item)
            case ast.Flow(body=body):
                return self.expr(body)

    def block(self, item: ast.Block) -> Doc:
        docs = self.declared([*self.words(2), *self.params(item.params), SPACE, self.take()], item.body)
        if item.where:
            docs.append(Seq([HARD, *self.above(), self.take(), SPACE, self.definitions(item.where)], nest=4))
        return Seq(docs)

    def params(self, params: Sequence[ast.Param]) -> list[Doc]:
        """The parameters of a net or block, indented deeper than a block's body."""
        return self.bracketed(params, self.param, nest=8) if self.next.text == "(" else []

    def param(self, param: ast.Param) -> Doc:
        name = self.take()
        return name if param.default is None else Seq([name, self.take(), self.part(param.default)])

    def declared(self, head: list[Doc], body: ast.Expr) -> list[Doc]:
        """`name =` and what stands behind it: on the same line, or indented on the next ones."""
        if _opens(body) and not head[-1].waits and not self.next.above:
            return [*head, SPACE, self.expr(body)]
        return [Group([*head, Seq([LINE, *self.above(), self.expr(body)], nest=4)])]

    def definitions(self, results: Sequence[ast.Define | ast.Shared | ast.Expr]) -> Doc:
        """Several results or definitions, one below another unless they fit on one line."""
        docs: list[Doc] = []
        for number, result in enumerate(results):
            docs += [LINE] if number else []
            docs += [*self.above(), self.definition(result), *self.comma()]
        return Seq([Group(docs)], align=True)

    def definition(self, result: ast.Define | ast.Shared | ast.Expr) -> Doc:
        """`name = value`, the lines of a long value beginning below its first one; or a value without a name."""
        if not isinstance(result, ast.Define | ast.Shared):
            return self.expr(result)
        shared = isinstance(result, ast.Shared)
        value = result.body if isinstance(result, ast.Shared) else result.value
        return Seq([*self.words(3 if shared else 2), SPACE, Seq([self.expr(value)], align=not _opens(value))])

    def input(self, item: ast.Input) -> Doc:
        """The inputs, then what flows on: on the same line, or on lines that begin with arrows."""
        head: list[Doc] = [self.take()]
        if item.sources:
            head += [SPACE, Seq([self.row(item.sources, self.source)], align=True)]
        if item.flow is None:
            return Seq(head)
        links = item.flow.links if isinstance(item.flow, ast.Chain) else (item.flow,)
        arrows = [self.operand(link) for link in links]
        arrows[0].wanted = True
        return Fill([Item(Seq(head)), *arrows], "chain")

    def source(self, source: ast.InputShape) -> Doc:
        name = [self.take(), self.take(), SPACE] if source.name else []
        return Seq([*name, self.expr(source.shape)])

    def train(self, item: ast.Train) -> Doc:
        """Training options, one a line."""
        head, options = self.words(2), []
        for option in item.options:
            options += [HARD, *self.above(), self.definition(option)]
        options += self.above()
        return Group([*head, *([Seq(options, nest=4)] if options else []), SOFT, self.take()])

    # Expressions

    def expr(self, node: ast.Expr) -> Doc:
        match node:
            case ast.Name() | ast.Number() | ast.Dims() | ast.Bool() | ast.String():
                return self.take()
            case ast.Chain(links=links):
                return self.run(links, "chain")
            case ast.As(body=body):
                return Seq([self.part(body), SPACE, *self.words(2)])
            case ast.Choice():
                return self.run(_branches(node), "sum")
            case ast.Binary(level=level, terms=terms):
                if level == "power":
                    return Seq([self.expr(terms[0]), self.take(), self.expr(terms[1])])
                return self.run(terms, "sum")
            case ast.Unary(op=op, body=body):
                return Seq([self.take(), *([SPACE] if op == "not" else []), self.expr(body)])
            case ast.Call(func=func, args=args):
                return Seq([self.expr(func), *self.arguments(args)])
            case ast.Index(base=base, place=place):
                return Seq([self.expr(base), *self.enclosed(place)])
            case ast.Group(body=body):
                return Seq(self.enclosed(body))
            case ast.Tuple(items=items):
                return Seq(self.bracketed(items, self.part))
            case ast.Listing(items=items):
                return self.listing(items)
            case ast.Comprehension(body=body):
                opener, above, doc = self.take(), self.above(), self.expr(body)
                inside = [SOFT, *above, doc, LINE, *self.loop_head(node), *self.above()]
                return Group([opener, Seq(inside, nest=4), SOFT, self.take()])
            case ast.Loop(body=body):
                head = [*self.loop_head(node), SPACE, self.take()]
                inside = [LINE, *self.above(), self.expr(body), *self.above()]
                return Group([*head, Seq(inside, nest=4), LINE, self.take()])

    def part(self, node: ast.Expr) -> Doc:
        """An expression beside others: what breaks at operators is indented, what has brackets of its own is not."""
        doc = self.expr(node)
        return Seq([doc], nest=4) if isinstance(doc, Fill) else doc

    def run(self, nodes: Sequence[ast.Expr], style: Style) -> Doc:
        """Operands with a sign or word before each but the first."""
        above = self.above()
        items = [Item(self.part(nodes[0]), above)]
        for node in nodes[1:]:
            items.append(self.operand(node))
        return Fill(items, style)

    def operand(self, node: ast.Expr) -> Item:
        """An operator and the operand behind it; a line that its author broke at an arrow stays broken."""
        wanted, above = self.next.kind == "->" and self.next.turns, self.above()
        return Item(Seq([self.take(), SPACE, self.part(node)]), above, wanted)

    def arguments(self, args: Sequence[ast.Argument]) -> list[Doc]:
        """The arguments of a call in their parentheses; a list or loop that is the only one needs no indentation."""
        if len(args) == 1 and args[0].name is None and _opens(args[0].value):
            opener = self.take()
            if not opener.waits and not self.next.above:
                return [opener, self.expr(args[0].value), *self.closing()]
            return [opener, Seq([*self.above(), self.expr(args[0].value)], nest=4), *self.closing()]
        return self.bracketed(args, self.argument if len(args) > 1 else self.only_argument)

    def argument(self, argument: ast.Argument) -> Doc:
        return self.valued(argument, self.part)

    def only_argument(self, argument: ast.Argument) -> Doc:
        """An argument that has no others beside it, so that its lines need no more indentation than the brackets'."""
        return self.valued(argument, self.expr)

    def valued(self, argument: ast.Argument, build: Callable[[ast.Expr], Doc]) -> Doc:
        if argument.name is None:
            return build(argument.value)
        return Seq([self.take(), self.take(), build(argument.value)])

    def bracketed(self, nodes: Sequence[N], build: Callable[[N], Doc], nest: int = 4) -> list[Doc]:
        """Things in brackets with commas between them, as many on a line as fit."""
        opener = self.take()
        inside = [Seq([self.row(nodes, build)], nest=nest)] if nodes else []
        return [opener, *inside, *self.closing()]

    def row(self, nodes: Sequence[N], build: Callable[[N], Doc]) -> Doc:
        """Things with commas between them."""
        items = []
        for node in nodes:
            above, doc, comma = self.above(), build(node), self.comma()
            items.append(Item(Seq([doc, *comma]) if comma else doc, above))
        return Fill(items, "row")

    def comma(self) -> list[Doc]:
        return [self.take()] if self.next.text == "," else []

    def enclosed(self, node: ast.Expr) -> list[Doc]:
        """An expression in brackets."""
        return [self.take(), Seq([*self.above(), self.expr(node)], nest=4), *self.closing()]

    def listing(self, nodes: Sequence[ast.Expr]) -> Doc:
        """A list on one line, or with one entry a line; numbers fill their lines."""
        opener = self.take()
        inside: list[Doc] = []
        if nodes and all(map(_is_plain, nodes)):
            inside = [SOFT, *self.above(), self.row(nodes, self.part), Broken(",")]
        elif nodes:
            for node in nodes:
                inside += [LINE if inside else SOFT, *self.above(), self.part(node), *self.comma()]
            inside.append(Broken(","))
        inside += self.above()
        return Group([opener, *([Seq(inside, nest=4)] if inside else []), SOFT, self.take()])

    def loop_head(self, node: ast.Loop | ast.Comprehension) -> list[Doc]:
        """`for a, b in list`."""
        docs = [self.take()]
        for _ in node.names:
            docs += [SPACE, self.take(), *self.comma()]
        return [*docs, SPACE, self.take(), SPACE, self.expr(node.items)]


def _branches(node: ast.Choice) -> list[ast.Expr]:
    """The operands of `if` and `else` in a conditional, and in those in its else-branches."""
    found: list[ast.Expr] = []
    other: ast.Expr | None = node
    while isinstance(other, ast.Choice):
        found += (other.body, other.test)
        other = other.other
    return found if other is None else [*found, other]


def _opens(node: ast.Expr) -> bool:
    """Whether an expression, broken over several lines, begins with an open bracket and ends with its closing one."""
    while isinstance(node, ast.Call) and len(node.args) == 1 and node.args[0].name is None:
        node = node.args[0].value
    return isinstance(node, ast.Listing | ast.Comprehension | ast.Loop)


def _is_plain(node: ast.Expr) -> bool:
    """Whether an entry of a list is a number or word, which several lines of one list may hold side by side."""
    if isinstance(node, ast.Unary):
        node = node.body
    return isinstance(node, ast.Number | ast.Bool | ast.String)
