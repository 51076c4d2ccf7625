"""The colours of drawings."""

PALETTE = {
    "conv": ("#dbeafe", "#3b6fb5", "#1e3a5f", "#6ea8ee"),
    "linear": ("#ede0fb", "#7d4fb8", "#3b2756", "#b48ae8"),
    "norm": ("#e2f3e4", "#4b8b55", "#1f4027", "#7cc189"),
    "activation": ("#fdf0cf", "#a97f1a", "#473a15", "#dcb44c"),
    "pool": ("#fbe1dc", "#bb5a48", "#53261e", "#ea8f7e"),
    "combine": ("#e5e7eb", "#5d6675", "#353b45", "#a4adbb"),
    "dropout": ("#f1f1f1", "#8a8a8a", "#333333", "#999999"),
    "attention": ("#fbdcef", "#b04788", "#512040", "#e486c0"),
    "shape": ("#d9f2f1", "#2f8583", "#154342", "#65bfbd"),
    "block": ("#eef1f8", "#55627f", "#2a3145", "#97a6c8"),
    "input": ("#ffffff", "#333333", "#15181d", "#cccccc"),
    "output": ("#ffffff", "#333333", "#15181d", "#cccccc"),
}
"""Fill and line of each family, on light ground and on dark."""
GROUND = {
    "text": ("#1c2430", "#e8ebf0"),
    "muted": ("#5a6472", "#a3acb9"),
    "ground": ("#ffffff", "#15181d"),
    "line": ("#56606e", "#8f99a8"),
    "frame": ("#b4bccb", "#4a5364"),
    "inside": ("#7f8ea8", "#7f8ea8"),
    "heat": ("#d9480f", "#ff8a4c"),
}
"""The other colours, on light ground and on dark."""
