"""The HTML page without a browser: what is in it, that nothing breaks out, and that its figures are the report's."""

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cnnc
import jsonschema
import pytest
from cnnc.compiler.cost import inference_region
from cnnc.compiler.memory import trace
from cnnc.compiler.pipeline import deep_recursion
from conftest import ROOT

SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())
HOSTILE = (
    "# </script><script>alert(1)</script><!-- ]]> \"quoted\" 'single' & &amp; {{data}} \u2028 \u202e ünïcode 🦆\n"
    "net script\nblock head(c) = conv3x3(c) -> relu # <img src=x onerror=alert(2)>\n"
    "input 3x8x8 -> head(4) as svg -> head(8) as title\n"
)
VOID = {"meta", "input", "link", "br", "img"}


class Parsed(HTMLParser):
    """Elements of a page with their attributes and text; fails where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.append((self.open[-1], data))

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.found if "id" in attrs]


def data_of(text: str) -> dict[str, Any]:
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    data: dict[str, Any] = json.loads(block)
    return data


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_page_is_well_formed(example: Path) -> None:
    page = Parsed(cnnc.load(example).to_html())
    assert len(set(page.ids())) == len(page.ids())
    assert [tag for tag, _ in page.found if tag in ("h1", "main", "nav")] == ["h1", "nav", "main"]
    assert sum(tag == "script" for tag, _ in page.found) == 2


def test_page_names_nothing_outside(example: Path) -> None:
    """No element loads anything: a namespace and comments of programs are the only addresses."""
    page = Parsed(cnnc.load(example).to_html())
    for tag, attrs in page.found:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "srcset", "data", "action", "onclick", "onload", "style"}.intersection(attrs), tag
        assert (attrs.get("href") or "#").startswith("#")


def test_policy_allows_the_one_script() -> None:
    text = cnnc.load(ROOT / "examples/lenet5.cnn").to_html()
    script = text[text.rindex("<script>") + 8 : text.rindex("</script>")]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    (policy,) = [a["content"] for t, a in Parsed(text).found if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ") and f"script-src 'sha256-{digest}';" in policy


def test_hostile_text_stays_text() -> None:
    net = cnnc.compile(HOSTILE, name='"><script>.cnn')
    text = net.to_html()
    page = Parsed(text)
    assert sum(tag == "script" for tag, _ in page.found) == 2
    assert not any(tag == "img" for tag, _ in page.found)
    data = data_of(text)
    assert data["sources"][0]["name"] == '"><script>.cnn'
    assert "\n".join(data["sources"][0]["lines"]) + "\n" == HOSTILE
    assert {"\u2028", "\u202e", "🦆"}.isdisjoint(text)


@pytest.mark.parametrize("settings", [{}, {"batch": 8, "dtype": "fp16", "convention": "ptflops", "device": "h100"}])
def test_report_is_the_json_report(example: Path, settings: dict[str, Any]) -> None:
    net = cnnc.load(example)
    report = data_of(net.to_html(**settings))["report"]
    assert report == as_json(net.to_dict(**settings))
    jsonschema.validate(report, SCHEMA)


def test_lines_sum_to_the_totals(example: Path) -> None:
    data = data_of(cnnc.load(example).to_html(convention="thop"))
    for figure in ("params", "macs", "other_ops", "cost"):
        assert sum(line["own"][figure] for line in data["lines"]) == data["report"]["totals"][figure], figure
    assert sum(line["own"]["layers"] for line in data["lines"]) == len(data["report"]["layers"])


def test_blocks_sum_their_layers(example: Path) -> None:
    """A block's figures are those of its own layers and of the blocks in it."""
    data = data_of(cnnc.load(example).to_html())
    for b, block in enumerate(data["blocks"]):
        own = [layer for layer, i in zip(data["report"]["layers"], data["block_of"], strict=True) if i == b]
        inner = [other for other in data["blocks"] if other["parent"] == b]
        assert block["params"] == sum(part["params"] for part in (*own, *inner))
        assert block["layers"] == len(own) + sum(other["layers"] for other in inner)
        assert all(layer["scope"] == block["name"] for layer in own)


def test_memory_peaks_where_the_report_does(example: Path) -> None:
    net = cnnc.load(example)
    data = data_of(net.to_html(batch=3, dtype="bf16"))
    memory, active = data["memory"], data["active"]
    assert memory["elements"][memory["peak"]] == max(memory["elements"]) == net.totals.peak
    assert memory["elements"][memory["peak"]] * memory["element_bytes"] == data["report"]["totals"]["peak_bytes"]
    names = [layer["name"] for layer, on in zip(data["report"]["layers"], active, strict=True) if on]
    assert [moment.path for moment in trace(inference_region(net.graph), 10**6)] == ["", *names]


def test_short_trace_has_the_same_peak(example: Path) -> None:
    net = cnnc.load(example)
    with deep_recursion():
        for most in (0, 7, 20):
            moments = trace(inference_region(net.graph), most)
            assert max(moment.elements for moment in moments) == net.totals.peak


def test_short_trace_of_repeated_views_counts_their_memory_once() -> None:
    net = cnnc.compile(
        "block view = reshape((2, 4)) -> reshape((8, 1))\ninput 8x1 -> relu as t -> view * 3 -> (id + t)"
    )
    elements = [moment.elements for moment in trace(inference_region(net.graph), 100)]
    assert elements == [8] * 8 + [16] and net.totals.peak == 16


def test_short_trace_of_a_long_network_is_short() -> None:
    net = cnnc.compile("block unit = conv3x3(4, p=1) -> relu\ninput 4x8x8 -> unit * 100000 -> maxpool2")
    moments = trace(inference_region(net.graph), 50)
    assert len(moments) < 60 and moments[-1].path == "maxpool1"


def test_boxes_name_layers(example: Path) -> None:
    """Each layer is in a box of the drawing, by its name in folded rows."""
    text = cnnc.load(example).to_html()
    names = {name for _, a in Parsed(text).found if "data-layers" in a for name in (a["data-layers"] or "").split()}
    assert names == set(data_of(text)["drawn"])


def test_symbolic_page_has_formulas() -> None:
    net = cnnc.compile("input 3xHxW -> [id, maxpool2 -> upsample2] -> conv3x3(4)")
    data = data_of(net.to_html(batch="N"))
    assert data["memory"]["peak"] is None
    assert "H" in data["lines"][0]["own"]["macs"] and "N" in data["report"]["totals"]["cost"]
    assert data["report"]["constraints"][0]["text"].startswith("H and W must be")


def test_page_without_the_package_for_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphlay", None)
    page = Parsed(cnnc.load(ROOT / "examples/lenet5.cnn").to_html())
    assert not any(tag == "svg" for tag, _ in page.found)
    (said,) = [text for tag, text in page.texts if tag == "p" and "pip install" in text]
    assert "cnnc[draw]" in said


def test_command_writes_the_same_bytes(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("cnnc")), "analyze", str(ROOT / "examples/resnet50.cnn")]
    command += ["--format", "html"]
    made = [
        subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    ]
    result = subprocess.run([*command, "-o", "report.html"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout == "wrote report.html\n"
    assert (tmp_path / "report.html").read_bytes() == made[0] == made[1]
    net = cnnc.load(ROOT / "examples/resnet50.cnn")
    assert net.to_html(tmp_path / "again.html").encode() == made[0] == (tmp_path / "again.html").read_bytes()
