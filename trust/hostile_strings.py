"""Strings that have broken code generators, templates, tables and shells, and names that shadow others."""

import builtins
import keyword

BREAKS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
"""What Python, JavaScript or an editor takes for the end of a line."""

CHARACTERS = (
    *BREAKS, "'", '"', "`", "\\", "{", "}", "(", ")", "[", "]", "<", ">", "&", "#", "%", "$", ";", ":", ",", ".", "/",
    "|", "=", "+", "-", "*", "@", "!", "?", "~", "^", "\t", " ", "\0", "\x07", "\x1b", "\x7f", "\u00a0", "\u00ad",
    "\u200b", "\u200d", "\u202e", "\u2066", "\u2069", "\ufeff", "\ufffe", "\ud800", "\udfff", "é", "ß", "ﬁ", "ｘ",
    "ª", "İ", "ı", "𝐱", "×", "→", "“", "’", "\U0010ffff", "漢", "ا",
)  # fmt: skip

QUOTES = (
    '"""', "'''", '"""; import os; os.system("true") #', "'; raise SystemExit #", '\\"', "\\'", "\\\\", "\\", 'a\\"""',
    '"""\nraise SystemExit(9)\n"""', "\\N{BULLET}", "\\x41", "\\u0041", "\\", "'\\", '"\\', "a'b\"c", "''", '""',
    'r"', "b'", "f'{", "rb'''", '" "', "\"+str(1)+\"", "\"\"\"\"", "'" * 7, '"' * 7,
)  # fmt: skip

TEMPLATES = (
    "{}", "{0}", "{x}", "{self.__class__}", "{__import__('os').system('true')}", "{{", "}}", "{!r}", "{:>9999999}",
    "%s", "%d", "%(x)s", "%n", "%99999999d", "${HOME}", "$(touch pwned)", "`touch pwned`", "{{7*7}}", "{% raw %}",
    "<%= 7 %>", "#{7}", "{x!s:{x}}", "$x", "$1", "\\g<0>", "\\1", "%%", "{NAME}", "{kind}", "{rank}", "{title}",
)  # fmt: skip

MARKUP = (
    "</script>", "<script>alert(1)</script>", "<!--", "-->", "]]>", "<![CDATA[", "&#x41;", "&lt;", "&amp;amp;", "<b>",
    "</title>", "</style>", "<img src=x onerror=alert(1)>", "'\"><svg onload=alert(1)>", "javascript:alert(1)",
    "<?xml version='1.0'?>", "<!DOCTYPE x>", "&xxe;", "</svg>", "<a href='http://x'>", "<!--<script>", "</textarea>",
    "[red]", "[/red]", "[bold red on white]x[/]", "[link=http://x]x[/link]", "[[", "\\[red]", ":smile:", "**b**",
    "_i_", "~~s~~", "[a](http://x)", "![a](x)", "|", "| a |\n|---|", "```", "# h", "> q", "- l", "---", "<br>",
)  # fmt: skip

DATA = (
    "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "=1+1", "a,b", 'a","b', "a;b", "a\tb", '{"a": 1}', '"}', "null",
    "NaN", "true", "[section]", "a = 1", "'''toml'''", "- yaml", "!!python/object:os.system", "digraph {", "a -> b;",
    "subgraph x", "end", "click a href", "n1[label=x]", "\\n", "\\l", "\\N", "-->|x|", "%%{init: {}}%%", "classDef x",
    "flowchart TD", "style n1 fill:#f00", "graph", "node", "edge", "strict", "translate(1)", "url(#x)", "xlink:href",
)  # fmt: skip

PATHS = (
    "..", "../..", "../../etc/passwd", "/etc/passwd", "~", "~root", "a/b", "a\\b", "C:\\x", "\\\\host\\x", "con", "nul",
    "file:///x", "http://x", ".", "-", "--help", "-o", "-D", "a.b", "a..b", ".hidden", "a b", "*", "?", "$PATH",
    "; true", "&& true", "| true", "> x", "< x", "a\\ b", "'a'", "!x", "#x", "a/../b", "//", "x.cnn", "x.py",
)  # fmt: skip

CODE = (
    "# -*- coding: utf-7 -*-", "-*- coding: rot13 -*-", "#!", "# type: ignore", "# noqa", "# fmt: off", "\\\n",
    "import os", "lambda: 0", "x if x else y", "async", "a = b", "a: b", "a; b", "pass", "@x", "*x", "**x", "a.b()",
    "__import__('os')", "exec('x')", "0", "1e9", "0x1", "1_0", "-1", "3x8x8", "x" * 300, "_" * 200, "a" * 5000,
    "é" * 999, "\u202eevil\u202c", "\x1b[31mred\x1b[0m", "\x1b]8;;http://x\x07", "\x9b31m", "a\u0301", "", " ", "  x ",
)  # fmt: skip

USED = (
    "torch", "nn", "F", "self", "x", "y", "z", "u", "v", "w", "forward", "super", "range", "i", "layer", "cin", "c",
    "numpy", "np", "math", "sys", "os", "json", "random", "io", "warnings", "Path", "Fabric", "Tensor", "Module",
    "Sequential", "Identity", "Dataset", "Subset", "Sampler", "DataLoader", "SummaryWriter", "AveragedModel", "Trainer",
    "EPOCHS", "BATCH", "SEED", "PRECISION", "SOURCES", "INPUTS", "SHAPES", "OUTPUTS", "TARGETS", "main", "load", "loss",
    "optimizer", "schedule", "checkpoint", "log", "tqdm", "v2", "compute_loss", "make_optimizer", "make_schedule",
    "training", "train", "eval", "parameters", "buffers", "modules", "children", "named_parameters", "state_dict",
    "load_state_dict", "to", "cpu", "cuda", "half", "float", "double", "type", "apply", "add_module", "register_buffer",
    "register_module", "zero_grad", "requires_grad_", "share_memory", "extra_repr", "compile", "T_destination",
    "dump_patches", "call_super_init", "_parameters", "_modules", "_buffers", "_forward_hooks", "__init__", "__call__",
    "__class__", "__dict__", "__getattr__", "__setattr__", "__slots__", "__name__", "__file__", "__main__", "__doc__",
    "__builtins__", "__import__", "__debug__", "__del__", "__new__", "__mangled", "_", "__", "___", "_1", "a__b", "X",
    "Net", "net2", "net_2", "Net_", "block", "conv", "conv1", "bn", "bn1", "relu1", "fc", "weight", "bias", "weight_g",
    "running_mean", "num_batches_tracked", "downsample", "residual", "count", "n", "value", "N", "H", "W", "batch",
    "DeformConv2d", "ChannelShuffle", "GRN", "L2Norm", "names", "result", "targets", "data", "k", "s", "p", "d", "g",
    "input", "output", "cbr", "se", "res", "id", "split", "init", "constructor", "prototype", "toString", "hasOwn",
)  # fmt: skip


def strings() -> list[str]:
    """All of them, each once."""
    inside = [text for c in CHARACTERS for text in (c, f"a{c}b", f"a{c}")]
    groups = (inside, QUOTES, TEMPLATES, MARKUP, DATA, PATHS, CODE, keyword.kwlist, keyword.softkwlist, USED)
    names = [name for name in dir(builtins) if name.isidentifier()]
    return list(dict.fromkeys([*(text for group in groups for text in group), *names]))
