"""The grammar: LALR(1) without conflicts, tables up to date, and the parser's answer to odd text."""

import logging

import lark
import pytest
from cnnc import grammar
from cnnc.compiler import syntax as ast
from cnnc.compiler.diagnostics import Sink
from cnnc.compiler.limits import Limits
from cnnc.compiler.parse import TokenFilter, parse
from cnnc.compiler.source import Source
from cnnc.grammar import build, tables


def tree(text: str) -> ast.File:
    sink = Sink()
    result = parse(Source(text), sink, Limits())
    assert not sink.found, [d.title for d in sink.found]
    return result


def test_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    """Lark resolves shift/reduce conflicts silently; its debug log names them, and here it must be empty."""
    lark.logger.setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG, logger=lark.logger.name):
        lark.Lark(grammar.grammar_text(), **grammar.OPTIONS, postlex=TokenFilter(), debug=True)
    assert "conflict" not in caplog.text.lower()


def test_the_conflict_check_can_fail(caplog: pytest.LogCaptureFixture) -> None:
    lark.logger.setLevel(logging.DEBUG)
    lark.logger.propagate = True
    with caplog.at_level(logging.DEBUG, logger=lark.logger.name):
        lark.Lark('start: a\na: a "+" a | "x"', parser="lalr", debug=True)
    assert "conflict" in caplog.text.lower()


def test_tables_are_up_to_date() -> None:
    """`make tables` was run after the last change of cnn.lark. State numbers may differ, so parses are compared."""
    assert lark.__version__ == tables.LARK_VERSION
    built = grammar.build_tables(postlex=TokenFilter())
    data, _ = built.memo_serialize([lark.lexer.TerminalDef, lark.grammar.Rule])
    assert len(tables.DATA["rules"]) == len(data["rules"])
    assert len(tables.DATA["parser"]["parser"]["states"]) == len(data["parser"]["parser"]["states"])
    names = {t["name"]: t["pattern"]["value"] for t in tables.MEMO.values() if t["__type__"] == "TerminalDef"}
    assert names == {t.name: t.pattern.value for t in built.terminals}


def test_tables_are_plain_data() -> None:
    text = build.tables_text()
    compile(text, "tables.py", "exec")
    assert "lark" not in text.split("DATA")[1]


def test_tables_of_another_lark_are_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARK_VERSION", "0.0.1")
    parser = grammar.load_tables(postlex=TokenFilter())
    assert parser.parse("relu -> tanh") is not None


def test_operators_nest_as_documented() -> None:
    (flow,) = tree("a + b * 2 ** n -> c as d").items
    assert isinstance(flow, ast.Flow) and isinstance(flow.body, ast.Chain)
    total, label = flow.body.links
    assert isinstance(label, ast.As) and label.name.id == "d"
    assert isinstance(total, ast.Binary) and total.level == "sum"
    product = total.terms[1]
    assert isinstance(product, ast.Binary) and product.level == "product"
    assert isinstance(product.terms[1], ast.Binary) and product.terms[1].level == "power"


def test_brackets_after_operands_call_and_index() -> None:
    block, chain = tree("block b = relu\n b -> (relu) -> [relu]").items
    assert isinstance(block, ast.Block) and isinstance(chain, ast.Flow)
    (flow,) = tree("f (3) [1] - 2").items
    assert isinstance(flow.body, ast.Binary) and flow.body.ops == ("-",)
    (flow,) = tree("f(-2, [1])").items
    assert isinstance(flow.body, ast.Call) and len(flow.body.args) == 2


def test_where_belongs_to_its_block() -> None:
    first, second = tree("block a(c) = f where f = conv(c), g = 2\nblock b = relu").items
    assert isinstance(first, ast.Block) and [d.name.id for d in first.where] == ["f", "g"]
    assert isinstance(second, ast.Block) and not second.where


@pytest.mark.parametrize("text", ["relu\r\n-> tanh", "relu\r-> tanh", "\ufeffrelu\n-> tanh"])
def test_line_ends_and_byte_order_mark(text: str) -> None:
    source = Source(text)
    assert source.position(source.text.index("tanh")) == (2, 4)
    assert tree(text).items


def test_several_syntax_errors_are_reported() -> None:
    sink = Sink()
    parse(Source("block a = -> relu\nblock b = relu\nset conv(p=)\ninput 3x8x8 -> b"), sink, Limits())
    assert [d.span.line for d in sink.found if d.span] == [1, 3]


def test_every_item_form_parses() -> None:
    text = """
    net n(a=1, b=(1, 2)) set conv(p=same,) use "x.cnn" use "y.cnn" (a, b)
    block f(x, y=2,) = x * y where x = 1
    shared s = relu input a: 3x8x8, b: 3xHxW output y = a -> s, z = b -> s aux h = a -> s
    t = a -> relu train { loss = cross_entropy(y), epochs = 9 schedule = warmup(5) -> cosine }
    """
    kinds = [type(item).__name__ for item in tree(text).items]
    assert kinds == ["Net", "Set", "Use", "Use", "Block", "Shared", "Input", "Output", "Aux", "Binding", "Train"]
