"""The grammar as data: Lark's tables, built once by `python -m cnnc.grammar.build` and shipped with the package."""

from pkgutil import get_data
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark

OPTIONS = {"parser": "lalr", "lexer": "basic", "keep_all_tokens": True, "maybe_placeholders": False}

TEMPLATES = ("classifier", "resnet", "mobilenet", "unet", "siamese")
"""What `cnnc new` can write; the files of templates/."""


def grammar_text() -> str:
    """The text of `cnn.lark`."""
    return _text("cnn.lark")


def prelude_text() -> str:
    """The text of `prelude.cnn`, the blocks that every program may use."""
    return _text("prelude.cnn")


def template_text(name: str) -> str:
    """The text of one of TEMPLATES."""
    return _text(f"templates/{name}.cnn")


def _text(name: str) -> str:
    """A file of this package. By pkgutil, which Lark has loaded already, unlike importlib.resources."""
    data = get_data(__name__, name)
    assert data is not None
    return data.decode()


def load_tables(**hooks: Any) -> "Lark":
    """A parser from the shipped tables, or from the grammar's text when another Lark version made them.

    `hooks` are Lark's `postlex` and `transformer`. The loader is the one that Lark's own stand-alone parsers use.
    """
    import lark

    from . import tables

    if lark.__version__ != tables.LARK_VERSION:
        return build_tables(**hooks)
    from .table import PLUGINS

    load = lark.Lark._load_from_dict
    parser: Lark = load(tables.DATA, tables.MEMO, _plugins=PLUGINS, **hooks)  # type: ignore[no-untyped-call]
    return parser


def build_tables(**hooks: Any) -> "Lark":
    """A parser built from the grammar's text, which takes far longer than loading the tables."""
    from lark import Lark

    return Lark(grammar_text(), **OPTIONS, **hooks)
