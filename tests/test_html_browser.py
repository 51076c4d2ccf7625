"""The HTML page in a headless Chromium: what a reader clicks, and that nothing overlaps, overflows or is fetched."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnc
import pytest
from conftest import ROOT
from test_html import HOSTILE

pytestmark = pytest.mark.browser

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
NETS = ("resnet50", "googlenet", "unet")
LINES = {"resnet50": "gap -> fc", "googlenet": "gap -> dropout", "unet": "conv1x1(classes)"}
"""Of each net a line with layers of its own."""
SIZES = {1280: 800, 390: 844}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    assert chromium, "these tests need Chromium; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=chromium, args=FLAGS
        )
        context.set_default_timeout(10_000)
        yield context
        context.close()


class Opened:
    """A page in the browser, with what it said on its console and what it asked for."""

    def __init__(self, browser: Any, path: Path, width: int, scheme: str) -> None:
        self.page = browser.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size({"width": width, "height": SIZES[width]})
        self.address = path.as_uri()
        self.page.goto(self.address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.page.locator(selector).all_text_contents()
        return found

    def picked(self, part: str) -> int:
        count: int = self.page.locator(f"#{part} .picked").count()
        return count


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a network's page; afterwards nothing may have gone wrong in it or have been asked of the network."""
    pages: list[Opened] = []

    def open_net(net: cnnc.Net | str, width: int = 1280, scheme: str = "light", **settings: Any) -> Opened:
        net = cnnc.load(ROOT / f"examples/{net}.cnn") if isinstance(net, str) else net
        path = tmp_path / f"{len(pages)}.html"
        net.to_html(path, **settings)
        pages.append(Opened(browser, path, width, scheme))
        return pages[-1]

    yield open_net
    for page in pages:
        assert page.said == [] and page.asked == [page.address]
        page.close()


BOXES = """selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility()).map(e => {
    const r = e.getBoundingClientRect(); return [e.id || e.tagName, r.left, r.top, r.right, r.bottom]; })"""
PARTS = ("header > *", "nav > *", ".tools > *", "#totals dl > div", "#spec .source", "#spec .source > span")
"""Groups of elements that must not lie over each other."""
CUT = """() => [...document.querySelectorAll("h1, h2, h3, p, dt, dd, nav, header, section, label, output, button, li")]
    .filter(e => e.checkVisibility() && !e.closest(".pane") && e.scrollWidth > e.clientWidth + 1
                 && getComputedStyle(e).display !== "inline").map(e => e.outerHTML.slice(0, 80))"""


SPILT = """() => [...document.querySelectorAll("td, th, dt, dd, .source > .figure, .row > span, .ends > span")]
    .filter(e => { const range = new Range(); range.selectNodeContents(e);
                   const text = range.getBoundingClientRect(), box = e.getBoundingClientRect();
                   return e.checkVisibility() && text.width
                       && (text.left < box.left - 1 || text.right > box.right + 1); })
    .map(e => e.outerHTML.slice(0, 80))"""
"""Cells whose text goes beyond them, in panes that scroll too."""


def overlapping(boxes: list[list[Any]]) -> list[tuple[str, str]]:
    return [
        (a[0], b[0])
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if min(a[3], b[3]) - max(a[1], b[1]) > 1 and min(a[4], b[4]) - max(a[2], b[2]) > 1
    ]


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("name", NETS)
def test_nothing_overflows_or_overlaps(opened: Any, name: str, width: int) -> None:
    page = opened(name, width, device="h100", convention="ptflops")
    for select in (False, True):
        if select:
            page.locator("#spec button.source").first.click()
            page.evaluate("scrollTo(0, 0)")
        inner = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
        assert inner[0] <= inner[1] == width
        assert overlapping(page.evaluate(BOXES, "header, nav, section")) == []
        for part in PARTS:
            assert overlapping(page.evaluate(BOXES, part)) == [], part
        assert page.evaluate(CUT) == page.evaluate(SPILT) == []


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("name", NETS)
def test_the_graph_begins_at_the_input(opened: Any, name: str, width: int) -> None:
    page = opened(name, width)
    pane, box = (page.locator(f"#graph {part}").first.bounding_box() for part in (".pane", ".node"))
    assert abs(box["x"] + box["width"] / 2 - pane["x"] - pane["width"] / 2) < 60


@pytest.mark.parametrize("name", NETS)
def test_on_a_phone_names_stay_beside_their_figures(opened: Any, name: str) -> None:
    page = opened(name, 390)
    for part, label, figure in (("layers", "tbody th", "td:last-child"), ("blocks", ".row .name", ".percent")):
        pane = page.locator(f"#{part} .pane")
        pane.evaluate("pane => { pane.scrollLeft = pane.scrollWidth; }")
        frame = pane.bounding_box()
        beside = page.locator(f"#{part} {label}").first.bounding_box(), page.locator(f"#{part} {figure}").first
        assert frame["x"] <= beside[0]["x"] < beside[0]["x"] + beside[0]["width"] <= beside[1].bounding_box()["x"]
        assert beside[1].bounding_box()["x"] < frame["x"] + frame["width"]


@pytest.mark.parametrize("name", NETS)
def test_headings_sort(opened: Any, name: str) -> None:
    net = cnnc.load(ROOT / f"examples/{name}.cnn")
    page = opened(name)
    heading = page.locator("#layers thead th", has_text="params")
    params = [row.params for row in net.layers]
    for order, expected in (("descending", sorted(params, reverse=True)), ("ascending", sorted(params))):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == order
        assert [int(text.replace(",", "")) for text in page.texts("#layers tbody td:nth-child(5)")] == expected
    page.locator("#layers thead button", has_text="op").first.click()
    assert page.texts("#layers tbody td:nth-child(3)") == sorted(row.op for row in net.layers)
    page.locator("#layers thead button", has_text="#").press("Enter")
    assert page.texts("#layers tbody th") == [row.name for row in net.layers]


def test_filters(opened: Any) -> None:
    net = cnnc.load(ROOT / "examples/resnet50.cnn")
    page = opened("resnet50")
    page.fill("#filter", "LAYER3 conv 14x14")
    expected = [r.name for r in net.layers if r.name.startswith("layer3") and r.op == "conv" and r.output[1] == 14]
    assert page.texts("#layers tbody th") == expected
    assert page.inner_text("#count") == f"{len(expected)} of 174 layers"
    page.fill("#filter", "")
    page.select_option("#op", "maxpool")
    assert page.texts("#layers tbody th") == ["maxpool1"]
    page.select_option("#op", "")
    page.locator("#spec button.source", has_text="proj=").click()
    page.check("#only")
    assert page.locator("#layers tbody tr").count() == 8 == page.locator("#layers tbody tr.picked").count()


@pytest.mark.parametrize("name", NETS)
def test_blocks_fold(opened: Any, name: str) -> None:
    page = opened(name)
    layers = page.locator("#tree [data-layer]")
    page.click("#expand")
    net = cnnc.load(ROOT / f"examples/{name}.cnn")
    assert [layers.nth(i).is_visible() for i in range(3)] == [True] * 3
    assert page.texts("#tree [data-layer] .name") == [row.name for row in net.layers]
    page.click("#collapse")
    assert page.evaluate(BOXES, "#tree [aria-expanded=true]") == []
    first = page.locator("#tree .fold[aria-expanded]").first
    before = len(page.evaluate(BOXES, "#tree .row"))
    first.press("Enter")
    assert first.get_attribute("aria-expanded") == "true" and len(page.evaluate(BOXES, "#tree .row")) > before
    first.press("Space")
    assert len(page.evaluate(BOXES, "#tree .row")) == before


VISIBLE = """part => {
    const e = document.querySelector(`#${part} .picked`), pane = document.querySelector(`#${part} .pane`);
    const a = e.getBoundingClientRect(), b = pane.getBoundingClientRect();
    return a.bottom > b.top && a.top < b.bottom && a.right > b.left && a.left < b.right; }"""


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("name", NETS)
def test_a_line_leads_to_its_boxes_and_back(opened: Any, name: str, width: int) -> None:
    page = opened(name, width)
    line = page.locator("#spec button.source", has_text=LINES[name])
    line.focus()
    line.press("Enter")
    number = line.get_attribute("data-line")
    for part in ("graph", "layers", "blocks", "spec"):
        assert page.picked(part) > 0, part
        assert page.evaluate(VISIBLE, part), part
    assert f"line {number}:" in page.inner_text("#chosen")
    page.click("#clear")
    assert page.locator(".picked").count() == 0
    box = page.locator(f'#graph .node[data-layers][data-line="{number}"]').last
    box.press("Enter")
    names = (box.get_attribute("data-layers") or "").split()
    assert page.inner_text("#chosen").startswith(", ".join(names))
    assert "picked" in line.get_attribute("class").split()
    picked = page.texts("#layers tr.picked th")
    assert set(picked) == set(names)


def test_rows_and_steps_select(opened: Any) -> None:
    page = opened("unet")
    page.locator("#layers tbody tr", has_text="concat").first.click()
    assert page.picked("graph") == page.picked("blocks") == page.picked("chart") == 1
    page.locator("#step").press("Home")
    page.locator("#step").press("ArrowRight")
    assert page.texts("#layers tr.picked th") == ["level1.double1.conv1"]
    assert "level1.double1.conv1" in page.inner_text("#chart label output")
    page.locator("#chart svg").click(position={"x": 600, "y": 100})
    assert page.locator("#layers tr.picked").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_toggles(opened: Any, scheme: str) -> None:
    page = opened("unet", scheme=scheme)

    def is_dark(selector: str, what: str) -> bool:
        colour = page.evaluate("([s, w]) => getComputedStyle(document.querySelector(s))[w]", [selector, what])
        return sum(map(int, colour.removeprefix("rgb(").rstrip(")").split(","))) < 380

    for dark in (scheme == "dark", scheme != "dark", scheme == "dark"):
        assert is_dark("body", "backgroundColor") is dark
        assert is_dark("#graph .conv rect", "fill") is dark
        assert is_dark("body", "color") is not dark
        page.click("#theme")


def test_hostile_text_is_shown_as_it_is(opened: Any) -> None:
    page = opened(cnnc.compile(HOSTILE, name='"><script>.cnn'))
    assert page.inner_text("#spec h3") == '"><script>.cnn'
    shown = page.texts("#spec .source .text")
    assert shown == HOSTILE.removesuffix("\n").split("\n")
    assert page.evaluate("document.scripts.length") == 2


@pytest.mark.parametrize("width", SIZES)
def test_formulas(opened: Any, width: int) -> None:
    net = cnnc.compile("input 3xHxW -> [id, maxpool2 -> upsample2] -> conv3x3(4) -> bn -> relu -> conv7x7(8, s=2)")
    page = opened(net, width, batch="N")
    assert page.locator("#chart svg").count() == 0 and "--at" in page.inner_text("#peak")
    assert "H and W must be" in page.inner_text("#sizes")
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert page.evaluate(CUT) == []
    page.locator("#spec button.source").first.click()
    assert page.picked("layers") == len(net.layers)
    page.locator("#layers thead button", has_text="params").click()
    assert page.locator("#layers tbody tr").count() == len(net.layers)


def test_page_without_a_drawing(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphlay", None)
    page = opened("lenet5", 390)
    assert "pip install" in page.inner_text("#graph .missing")
    page.locator("#spec button.source").first.click()
    assert page.picked("layers") > 0
