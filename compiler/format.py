"""The one layout of programs: `cnnc fmt`.

The syntax tree says how tokens belong together, the tokens themselves are printed as they were written. So parentheses
and spellings stay, every comment does, and only spaces, line breaks and the commas that may be left out change. Line
breaks that the author put before the arrows of a chain stay where the chain needs several lines.
"""

from collections.abc import Callable, Sequence

from . import syntax as ast
from .comments import Token, comments_of, tokens_of
from .diagnostics import Diagnostic, InternalError, NetworkError, Sink
from .layout import HARD, LINE, SOFT, SPACE, Broken, Doc, Fill, Group, Item, Own, Printer, Seq, Text, Trailing
from .limits import Limits
from .parse import parse
from .pipeline import deep_recursion
from .source import Source


def format_source(source: Source, limits: Limits | None = None) -> str:
    """The program in its canonical layout. Raises NetworkError for a syntax error."""
    limits = limits or Limits()
    with deep_recursion():
        tree = _tree(source, limits)
        text = Formatter(source.text).file(tree)
        if text != source.text:
            _check(source, tree, text, limits)
    return text


def same_meaning(a: ast.File, b: ast.File) -> bool:
    """Whether two syntax trees differ only in positions."""
    pairs: list[tuple[object, object]] = [(a, b)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is not type(right):
            return False
        if not isinstance(left, tuple) or not isinstance(right, tuple):
            if left != right:
                return False
            continue
        if len(left) != len(right):
            return False
        first = 1 if hasattr(left, "_fields") else 0  # the position of a node
        pairs += zip(left[first:], right[first:], strict=True)
    return True


def _tree(source: Source, limits: Limits) -> ast.File:
    sink = Sink()
    tree = parse(source, sink, limits)
    if sink.has_errors:
        raise NetworkError(sink.found)
    return tree


def _check(source: Source, tree: ast.File, text: str, limits: Limits) -> None:
    """Refuse a result that says something else than the program. Raises InternalError."""
    sink = Sink()
    again = parse(Source(text, source.name), sink, limits._replace(max_bytes=max(limits.max_bytes, len(text))))
    if sink.has_errors or not same_meaning(tree, again) or comments_of(text) != comments_of(source.text):
        reason = f"the layout of {source.name} would change its meaning, so nothing was changed"
        raise InternalError([Diagnostic("E0901", {"reason": reason}, None)])


class Formatter:
    """Turns tree and tokens into documents. Every method takes the tokens of its node, in order, off the front."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens_of(text)
        self.at = 0

    # Tokens

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Doc:
        """The next token with its comments."""
        token = self.next
        above = self.above()
        self.at += 1
        doc = Text(token.text, hugs=token.text in (")", "]", ","))
        if not above and not token.trail:
            return doc
        return Seq([*above, doc, *([Trailing(token.trail)] if token.trail else [])])

    def above(self) -> list[Own]:
        """The comments on lines of their own above the next token; they are not given again."""
        comments = self.next.above
        self.next.above = []
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
        gap = self.next.gap
        for comment in self.above():
            printer.own(comment, 0)
        printer.newline(0)
        if gap:
            printer.gap()

    def item(self, item: ast.Item) -> Doc:
        match item:
            case ast.Net(params=params):
                return Seq([*self.words(2), *self.params(params)])
            case ast.Set(args=args):
                return Seq([*self.words(2), *self.arguments(args)])
            case ast.Use():
                return self.use(item)
            case ast.Block():
                return self.block(item)
            case ast.Shared(body=body):
                return Seq(self.declared([*self.words(2), SPACE, self.take()], body))
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

    def use(self, item: ast.Use) -> Doc:
        docs = self.words(2)
        if item.names:
            docs += [SPACE, self.take(), Seq([self.fill([self.take] * len(item.names))], nest=4), *self.closing()]
        return Seq(docs)

    def block(self, item: ast.Block) -> Doc:
        head = [*self.words(2), *self.params(item.params), SPACE, self.take()]
        docs = self.declared(head, item.body)
        if item.where:
            docs.append(Seq([HARD, *self.above(), self.take(), SPACE, self.definitions(item.where)], nest=4))
        return Seq(docs)

    def params(self, params: Sequence[ast.Param]) -> list[Doc]:
        """The parameters of a net or block, indented deeper than a block's body."""
        if self.next.text != "(":
            return []
        return self.bracketed([lambda p=p: self.param(p) for p in params], 8)  # type: ignore[misc]

    def param(self, param: ast.Param) -> Doc:
        return self.take() if param.default is None else Seq([self.take(), self.take(), self.expr(param.default)])

    def declared(self, head: list[Doc], body: ast.Expr) -> list[Doc]:
        """A name, its equals sign and what stands behind it: on the same line, or indented on the next ones."""
        if _opens(body) and not head[-1].waits and not self.next.above:
            return [*head, SPACE, self.expr(body)]
        return [Group([*head, Seq([LINE, *self.above(), self.expr(body)], nest=4)])]

    def definitions(self, results: Sequence[ast.Define | ast.Shared | ast.Expr]) -> Doc:
        """Several results or definitions, one below another unless they fit on one line."""
        docs: list[Doc] = []
        for number, result in enumerate(results):
            docs += [LINE] if number else []
            docs += [*self.above(), self.definition(result)]
            docs += [self.take()] if number < len(results) - 1 else []
        return Seq([Group(docs)], align=True)

    def definition(self, result: ast.Define | ast.Shared | ast.Expr) -> Doc:
        if isinstance(result, ast.Define):
            return self.defined(2, result.value)
        if isinstance(result, ast.Shared):
            return self.defined(3, result.body)
        return self.expr(result)

    def defined(self, words: int, value: ast.Expr) -> Doc:
        """`name = value`; the lines of a long value begin below its first one."""
        head = self.words(words)
        return Seq([*head, SPACE, Seq([self.expr(value)], align=not _opens(value))])

    def input(self, item: ast.Input) -> Doc:
        head: list[Doc] = [self.take()]
        if item.sources:
            sources = [lambda s=s: self.source(s) for s in item.sources]  # type: ignore[misc]
            head += [SPACE, Seq([self.fill(sources)], align=True)]
        if item.flow is None:
            return Seq(head)
        links = item.flow.links if isinstance(item.flow, ast.Chain) else (item.flow,)
        arrows = [self.arrow(link) for link in links]
        arrows[0].wanted = True
        return Fill([Item(Seq(head)), *arrows])

    def source(self, source: ast.InputShape) -> Doc:
        name = [self.take(), self.take(), SPACE] if source.name else []
        return Seq([*name, self.expr(source.shape)])

    def train(self, item: ast.Train) -> Doc:
        docs = self.words(2)
        options: list[Doc] = []
        for option in item.options:
            options += [HARD, *self.above(), self.definition(option)]
        options += self.above()
        if options:
            docs.append(Seq(options, nest=4))
        return Seq([*docs, HARD if options or docs[-1].waits else SOFT, self.take()])

    # Expressions

    def expr(self, node: ast.Expr) -> Doc:
        match node:
            case ast.Chain(links=links):
                first = self.entry(lambda: self.link(links[0]))
                return Fill([first, *[self.arrow(link) for link in links[1:]]])
            case ast.As(body=body):
                return Seq([self.expr(body), SPACE, *self.words(2)])
            case ast.Choice():
                return self.choice(node)
            case ast.Binary():
                return self.binary(node)
            case ast.Unary(op=op, body=body):
                return Seq([self.take(), *([SPACE] if op == "not" else []), self.expr(body)])
            case ast.Call(func=func, args=args):
                return Seq([self.expr(func), *self.arguments(args)])
            case ast.Index(base=base, place=place):
                return Seq([self.expr(base), *self.enclosed(place)])
            case ast.Group(body=body):
                return Seq(self.enclosed(body))
            case ast.Tuple(items=items):
                return self.tuple(items)
            case ast.Listing(items=items):
                return self.listing(items)
            case ast.Comprehension():
                return self.comprehension(node)
            case ast.Loop():
                return self.loop(node)
            case _:
                return self.take()

    def entry(self, build: Callable[[], Doc]) -> Item:
        """A document of a fill, with the comments above it."""
        turns, above = self.next.turns, self.above()
        return Item(build(), above, turns)

    def arrow(self, link: ast.Expr) -> Item:
        """An arrow and the link that it leads to."""
        return self.entry(lambda: Seq([self.take(), SPACE, self.link(link)]))

    def link(self, node: ast.Expr) -> Doc:
        """A link of a chain: what breaks at operators is indented, what has brackets around it is not."""
        doc = self.expr(node)
        return Seq([doc], nest=4) if isinstance(node, ast.Binary | ast.Choice | ast.As | ast.Unary) else doc

    def binary(self, node: ast.Binary) -> Doc:
        first, *rest = node.terms
        if node.level == "power":
            return Seq([self.expr(first), self.take(), self.expr(rest[0])])
        items = [self.loose(lambda: self.expr(first))]
        items += [self.loose(lambda t=t: Seq([self.take(), SPACE, self.expr(t)])) for t in rest]  # type: ignore[misc]
        return Fill(items, loose=True)

    def choice(self, node: ast.Choice) -> Doc:
        """A conditional; the ones in its else-branch stand beside it."""
        items = [self.loose(lambda: self.expr(node.body))]
        body, other = node, node.other
        while True:
            test = body.test
            ...
        return Fill(items, loose=True)
