"""Drawings: what the model holds, what the three forms look like to a reader, and the geometry of the laid-out one."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import combinations
from pathlib import Path

import cnnc
import pytest
from cnnc.compiler.drawing import WRITERS, drawing
from cnnc.compiler.drawing.captions import FAMILY
from cnnc.compiler.drawing.lines import LEADING, Rect, label_rect, opened
from cnnc.compiler.drawing.measure import text_width
from cnnc.compiler.drawing.model import Drawing
from cnnc.compiler.drawing.place import HEADING, Placed, node_size, place, sized_lines
from cnnc.compiler.drawing.stretches import Port
from cnnc.compiler.ir import Apply, Call, Graph, Region, Value
from cnnc.compiler.ops import REGISTRY
from cnnc.compiler.rows import rows
from conftest import EXAMPLES, ROOT

SVG = "{http://www.w3.org/2000/svg}"
CLOSE = 0.51  # what rounding to a decimal and snapping may move
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def examples() -> dict[str, cnnc.Net]:
    return {path.stem: cnnc.load(path) for path in EXAMPLES}


def drawn(net: cnnc.Net, depth: int | None = None, compact: bool = True) -> Drawing:
    return drawing(net.graph, depth, compact)


names = pytest.mark.parametrize("name", [path.stem for path in EXAMPLES])


# The model


def test_every_op_has_a_colour() -> None:
    assert set(FAMILY) == set(REGISTRY)


@names
@pytest.mark.parametrize("compact", [True, False])
def test_every_layer_is_there_once(examples: dict[str, cnnc.Net], name: str, compact: bool) -> None:
    """The boxes hold the lines of the folded table, each once, in order, as often as there."""
    found = drawn(examples[name], compact=compact)
    expected = Counter((row.name, row.times) for row in rows(examples[name].graph, folded=True))
    assert Counter((layer, node.times) for node in found.nodes for layer in node.layers) == expected
    assert compact or all(len(node.layers) <= 1 for node in found.nodes)


def arrows(graph: Graph) -> set[tuple[str, str]]:
    """Which layer feeds which by a plain walk over all instances, the first of each repeat; by number of visit."""
    found: set[tuple[str, str]] = set()
    count = 0

    def walk(region: Region, made: dict[Value, str]) -> dict[Value, str]:
        nonlocal count
        for step in region.steps:
            if isinstance(step, Apply):
                count += 1
                found.update((made[value], f"n{count}") for value in step.inputs)
                made.update(dict.fromkeys(step.outputs, f"n{count}"))
            else:
                assert isinstance(step, Call)
                inner = dict(zip(step.region.inputs, (made[v] for v in step.inputs), strict=True))
                inner = walk(step.region, inner)
                made.update(zip(step.outputs, (inner[v] for v in step.region.outputs), strict=True))
        return made

    count = len(graph.inputs)
    made = walk(graph.root, {t.value: f"n{i + 1}" for i, t in enumerate(graph.inputs)})
    for terminal in (*graph.outputs, *graph.aux):
        count += 1
        found.add((made[terminal.value], f"n{count}"))
    return found


@names
def test_arrows_are_those_of_the_graph(examples: dict[str, cnnc.Net], name: str) -> None:
    found = drawn(examples[name], compact=False)
    assert {(edge.source, edge.target) for edge in found.edges} == arrows(examples[name].graph)


@names
def test_groups_nest(examples: dict[str, cnnc.Net], name: str) -> None:
    """Every group is in one that stands before it, and holds something."""
    found = drawn(examples[name])
    seen = {""}
    for group in found.groups:
        assert group.parent in seen
        seen.add(group.id)
    members = found.members()
    assert all(members.values()) and sum(map(len, members.values())) == len(found.nodes) + len(found.groups)
    assert {edge.source for edge in found.edges} | {edge.target for edge in found.edges} <= {n.id for n in found.nodes}
    assert len(set(found.edges)) == len(found.edges)


def test_followers_share_a_box() -> None:
    net = cnnc.compile("input 3x8x8 -> conv3x3(4, s=2) -> bn -> relu -> dropout(0.2) -> maxpool2")
    boxes = drawn(net).nodes
    assert [n.lines for n in boxes] == [
        ("input",),
        ("conv 3×3, 4, s=2", "bn → relu → dropout 0.2", "conv1"),
        ("maxpool 2×2", "maxpool1"),
        ("output",),
    ]
    assert len(drawn(net, compact=False).nodes) == 7
    (read_twice,) = [
        n for n in drawn(cnnc.compile("input 3x8x8 -> conv1x1(3) -> (id + relu)")).nodes if n.title == "relu"
    ]
    assert read_twice.name == "relu1"


def test_repeats_are_folded() -> None:
    found = drawn(cnnc.load(ROOT / "examples/resnet50.cnn"))
    assert [group.times for group in found.groups] == [1, 1, 2, 1, 1, 3, 1, 1, 5, 1, 1, 2]
    assert found.groups[2].text == "1-2 × 2: bottleneck(64, s=1)"
    assert sum(node.share or 0 for node in found.nodes) == pytest.approx(1)


def test_depth_closes_blocks(examples: dict[str, cnnc.Net]) -> None:
    net = examples["resnet50"]
    closed = drawn(net, depth=0)
    assert not closed.groups
    assert [n.title for n in closed.nodes if n.family == "block"] == [
        "stage(64, n=3, s=1)", "stage(128, n=4, s=2)", "stage(256, n=6, s=2)", "stage(512, n=3, s=2)",
    ]  # fmt: skip
    assert closed.nodes[3].details == ("32 layers",)
    assert sum(node.share or 0 for node in closed.nodes) == pytest.approx(1)
    assert [group.name for group in drawn(net, depth=1).groups] == ["layer1", "layer2", "layer3", "layer4"]
    assert drawn(net, depth=1).nodes[4].title == "bottleneck(64, s=1) × 2"
    assert drawn(net, depth=2) == drawn(net)


def test_ends_and_shared_layers(examples: dict[str, cnnc.Net]) -> None:
    found = drawn(examples["siamese"])
    assert [n.title for n in found.nodes if n.family in ("input", "output")] == [
        "input a", "input b", "output ea", "output eb",
    ]  # fmt: skip
    assert [group.shared for group in found.groups] == [True, True]
    aux = [n for n in drawn(examples["googlenet"]).nodes if n.aux]
    assert [n.title for n in aux if n.family == "output"] == ["output aux1", "output aux2"] and len(aux) == 12
    assert Counter(edge.kind for edge in drawn(examples["segnet"]).edges)["tap"] == 5


def test_symbolic_extents() -> None:
    """Shapes are formulas then, and there is no share of the cost."""
    net = cnnc.compile("input 3xHxW -> conv3x3(4, s=2, p=1) -> relu")
    found = drawn(net)
    assert [edge.text for edge in found.edges] == ["3×H×W", "4×⌊(H + 1)/2⌋×⌊(W + 1)/2⌋"]
    assert all(node.share is None for node in found.nodes)
    ET.fromstring(net.draw())


def test_places_in_the_program(examples: dict[str, cnnc.Net]) -> None:
    """Layers of the prelude's blocks are where the program uses the block."""
    net = cnnc.compile("input 3x8x8\n-> cbr3(4)\n-> cbr3(8) * 2")
    assert [node.span.line for node in drawn(net).nodes[1:-1]] == [2, 3, 3]


# The forms that are text


@names
def test_mermaid(examples: dict[str, cnnc.Net], name: str) -> None:
    """Subgraphs open and close, ids are declared once and before they are used, nothing is left unquoted."""
    found = drawn(examples[name])
    lines = [line.strip() for line in WRITERS["mermaid"](found).splitlines()]
    assert lines[0] == "flowchart TD"
    assert sum(line.startswith("subgraph ") for line in lines) == lines.count("end") == len(found.groups)
    forms = (
        r'(n\d+)\["[^"]*"\]', r'subgraph (g\d+)\["[^"]*"\]', r"end", r'n\d+ (?:-->|-\.->)\|"[^"]*"\| n\d+',
        r"classDef \w+ fill:#\w+,stroke:#\w+,color:#\w+", r"class n\d+(?:,n\d+)* \w+",
    )  # fmt: skip
    assert all(any(re.fullmatch(form, line) for form in forms) for line in lines[1:])
    ids = [m[1] for line in lines for form in forms[:2] if (m := re.fullmatch(form, line))]
    assert len(ids) == len(set(ids)) == len(found.nodes) + len(found.groups)


@names
def test_dot(examples: dict[str, cnnc.Net], name: str) -> None:
    found = drawn(examples[name])
    text = WRITERS["dot"](found)
    bare = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    assert bare.count("{") == bare.count("}") == len(found.groups) + 1
    forms = (
        r'digraph "" \{', r"\}", r"rankdir=TB;", r"(?:node|edge|graph) \[[^\[\]]*\];", r"subgraph cluster_g\d+ \{",
        r'label="";', r"n\d+ \[[^\[\]]*\];", r"n\d+ -> n\d+ \[[^\[\]]*\];",
    )  # fmt: skip
    assert all(any(re.fullmatch(form, line.strip()) for form in forms) for line in bare.splitlines())
    ids = re.findall(r"^ *(n\d+) \[", bare, re.MULTILINE)
    assert len(ids) == len(set(ids)) == len(found.nodes)


def hostile() -> Drawing:
    """A drawing whose every text tries to break out."""
    found = drawn(cnnc.compile("block a(c) = conv3x3(c) -> conv3x3(c)\ninput 3x8x8 -> a(4)"))
    text = HOSTILE + " \\\" ]] --> & ' \x07 \ud800 %% #quot; \u202e"
    return Drawing(
        text,
        tuple(
            n._replace(name=text, title=text, details=(text,), layers=(text,), tip=text + "\n" + text)
            for n in found.nodes
        ),
        tuple(e._replace(text=text) for e in found.edges),
        tuple(g._replace(name=text, title=text, tip=text) for g in found.groups),
    )


def test_hostile_text_stays_text() -> None:
    svg = WRITERS["svg"](hostile())
    tree = ET.fromstring(svg.encode())
    assert not list(tree.iter(f"{SVG}script")) and "<script" not in svg
    assert HOSTILE in tree.findtext(f"{SVG}title", "")
    mermaid = WRITERS["mermaid"](hostile())
    assert "<script" not in mermaid and all(line.count('"') in (0, 2) for line in mermaid.splitlines())
    assert "]]" not in mermaid and "%%" not in mermaid
    dot = WRITERS["dot"](hostile())
    rest = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', dot)
    assert "script" not in rest and rest.count('"') % 2 == 0 and rest.count("{") == rest.count("}") == 2
    for text in (svg, mermaid, dot):
        text.encode()
        assert "\x07" not in text and "\u202e" not in text


@pytest.mark.parametrize("form", WRITERS)
def test_the_same_bytes_each_time(form: str) -> None:
    """Also in another process, with other hashes."""
    code = f"import cnnc; print(cnnc.load({str(ROOT / 'examples/inception_v3.cnn')!r}).draw({form!r}), end='')"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout for seed in ("1", "2")
    }  # fmt: skip
    assert texts == {cnnc.load(ROOT / "examples/inception_v3.cnn").draw(form)}


# The geometry of the SVG


def overlap(a: Rect, b: Rect) -> bool:
    return (
        a.x < b.x + b.width - CLOSE and b.x < a.x + a.width - CLOSE
        and a.y < b.y + b.height - CLOSE and b.y < a.y + a.height - CLOSE
    )  # fmt: skip


def within(inner: Rect, outer: Rect) -> bool:
    return (
        outer.x <= inner.x + CLOSE and inner.x + inner.width <= outer.x + outer.width + CLOSE
        and outer.y <= inner.y + CLOSE and inner.y + inner.height <= outer.y + outer.height + CLOSE
    )  # fmt: skip


def strips(placed: Placed) -> list[tuple[str, Rect]]:
    """Every straight piece of every line as a rectangle without width, with what it comes from and leads to."""
    pieces = []
    for line in placed.lines:
        for (ax, ay), (bx, by) in zip(line.points, line.points[1:], strict=False):
            assert abs(ax - bx) < CLOSE or abs(ay - by) < CLOSE, "lines are upright or level"
            pieces.append((line, Rect(min(ax, bx), min(ay, by), abs(ax - bx), abs(ay - by))))
    return pieces


def crosses(strip: Rect, box: Rect) -> bool:
    """Whether a piece of a line runs through the inside of a box."""
    return (
        strip.x < box.x + box.width - 1 and box.x + 1 < strip.x + strip.width
        and strip.y < box.y + box.height - 1 and box.y + 1 < strip.y + strip.height
    ) if strip.width or strip.height else False  # fmt: skip


@names
@pytest.mark.parametrize("compact", [True, False])
def test_nothing_overlaps(examples: dict[str, cnnc.Net], name: str, compact: bool) -> None:
    """What is in the same group keeps apart, what is in a group is within its frame, the drawing holds all."""
    found = drawn(examples[name], compact=compact)
    placed = place(found)
    whole = Rect(0, 0, placed.width, placed.height)
    for group, members in found.members().items():
        boxes = [placed.boxes[member.id] for member in members]
        assert all(within(box, placed.boxes[group] if group else whole) for box in boxes)
        assert not any(overlap(a, b) for a, b in combinations(boxes, 2))
    nodes = [placed.boxes[node.id] for node in found.nodes]
    assert not any(overlap(a, b) for a, b in combinations(nodes, 2))
    assert all(within(label_rect(line), whole) for line in placed.lines if line.label)


@names
def test_lines_avoid_boxes_and_headings(examples: dict[str, cnnc.Net], name: str) -> None:
    found = drawn(examples[name])
    placed = place(found)
    blocked = [placed.boxes[node.id] for node in found.nodes]
    for group in found.groups:
        frame, heading = placed.boxes[group.id], placed.headings[group.id]
        width = max(text_width(line, HEADING) for line in heading.lines)
        text = Rect(frame.x + heading.x, frame.y, width, HEADING * LEADING * len(heading.lines) + 4)
        assert within(text, frame)
        blocked.append(text)
    pieces = strips(placed)
    assert not [(line.stretch, box) for line, strip in pieces for box in blocked if crosses(strip, box)]


@names
def test_texts_stand_by_their_own_lines(examples: dict[str, cnnc.Net], name: str) -> None:
    """A text is near its line, no other line runs through it, and its own opens there but keeps both ends."""
    placed = place(drawn(examples[name]))
    labelled = [line for line in placed.lines if line.label]
    assert not any(overlap(label_rect(a), label_rect(b)) for a, b in combinations(labelled, 2))
    for line in labelled:
        text = label_rect(line)
        assert min(text.distance(piece) for piece in line.pieces()) <= 8
        glyphs = Rect(text.x, text.y + 3, text.width, text.height - 6)
        others = (other for other in placed.lines if other.stretch.start != line.stretch.start)
        assert all(glyphs.distance(piece) for other in others for piece in other.pieces())
        parts = opened(line, [text])
        assert (parts[0][0], parts[-1][-1]) == (line.points[0], line.points[-1])
        assert all(glyphs.distance(piece) for part in parts for piece in line._replace(points=part).pieces())


@names
def test_lines_meet(examples: dict[str, cnnc.Net], name: str) -> None:
    """A line ends on the border of its box, or where the line on the other side of a frame goes on."""
    placed = place(drawn(examples[name]))
    at: dict[Port, set[tuple[float, float]]] = {}
    for line in placed.lines:
        for end, (x, y) in ((line.stretch.start, line.points[0]), (line.stretch.end, line.points[-1])):
            if isinstance(end, Port):
                at.setdefault(end, set()).add((x, y))
                continue
            box = placed.boxes[end]
            assert min(abs(y - box.y), abs(y - box.y - box.height)) < CLOSE and box.x < x < box.x + box.width
    for port, points in at.items():
        frame = placed.boxes[port.group]
        assert max(x for x, _ in points) - min(x for x, _ in points) < CLOSE, port
        assert all(abs(y - (frame.y if port.entering else frame.y + frame.height)) < CLOSE for _, y in points), port


@names
def test_svg(examples: dict[str, cnnc.Net], name: str) -> None:
    """It is XML of its own without scripts and links, and a program finds layers, lines and shares in it."""
    net = examples[name]
    text = net.draw()
    tree = ET.fromstring(text)
    assert not list(tree.iter(f"{SVG}script")) and "href" not in text and "url(http" not in text
    found = drawn(net)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    boxes = {g.get("id"): g for g in tree.iter(f"{SVG}g")}
    for node in found.nodes:
        element = boxes[node.id]
        assert element.get("data-line") == str(node.span.line)
        assert element.get("data-layers", "").split() == list(node.layers)
        assert float(element.get("data-heat", "nan")) == pytest.approx(node.share, abs=1e-4)
        assert node.family in element.get("class", "").split()
        assert (element.findtext(f"{SVG}title") or "").startswith(node.tip.splitlines()[0])
        check_text_fits(element)
    assert all(group.id in boxes for group in found.groups)
    assert "prefers-color-scheme:dark" in text and "textLength" not in text


def check_text_fits(element: ET.Element) -> None:
    rect = element.find(f"{SVG}rect")
    assert rect is not None
    x, y, width, height = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
    for text in element.iter(f"{SVG}text"):
        size = float(text.get("font-size", ""))
        assert text_width(text.text or "", size) <= width
        assert y + size <= float(text.get("y", "")) <= y + height - size * 0.25
        assert float(text.get("x", "")) == pytest.approx(x + width / 2, abs=0.2)


def test_sizes_grow_with_text() -> None:
    (_, node, _) = drawn(cnnc.compile("input 3x8x8 -> conv3x3(4)")).nodes
    small, large = node_size(node), node_size(node._replace(title="W" * 60, details=("漢字",)))
    assert large[0] > 60 * 12 and large[1] > small[1]
    assert [size for _, size in sized_lines(node)] == [12.0, 10.0]


def test_a_prefix_keeps_drawings_apart() -> None:
    from cnnc.compiler.drawing import svg

    text = svg(cnnc.compile("input 3x8x8 -> relu").graph, prefix="first-")
    assert 'id="first-n1"' in text and "url(#first-arrow)" in text


@pytest.mark.parametrize("text", ["input 3x8x8 -> id", "input 3x8x8 -> relu", "block a = id\ninput 3x8x8 -> a -> a"])
def test_small_networks(text: str) -> None:
    for form in WRITERS:
        assert cnnc.compile(text).draw(form)


def test_a_crowded_group_takes_no_minutes() -> None:
    """Hundreds of branches are not polished."""
    branches = ", ".join(["maxpool3(s=1, p=1)"] * 300)
    assert "<svg" in cnnc.compile(f"input 1x8x8 -> [{branches}]").draw()


# Notebooks


def test_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table, escaped, and the drawing; the table alone without the package."""
    net = cnnc.compile("input 3x8x8 -> conv3x3(4) -> relu")
    html = net._repr_html_()
    assert html.startswith("<pre>net, input 1x3x8x8") and "<svg" in html
    monkeypatch.setitem(sys.modules, "graphlay", None)
    assert net._repr_html_() == html.split("</pre>")[0] + "</pre>"


# The command


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [str(Path(sys.executable).with_name("cnnc")), "draw", *args]
    return subprocess.run(command, capture_output=True, cwd=cwd, timeout=120)


def test_command(tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text("block a(c) = conv3x3(c) -> conv3x3(c)\ninput 3x8x8 -> a(4)", encoding="utf-8")
    assert b"--depth" in run("--help", cwd=tmp_path).stdout
    result = run("net.cnn", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"wrote net.svg: net\n", b"")
    assert ET.parse(tmp_path / "net.svg").getroot().tag == f"{SVG}svg"
    for name, start in (("x.mmd", "flowchart TD\n"), ("x.dot", 'digraph "net" {\n')):
        assert run("net.cnn", "-o", name, cwd=tmp_path).returncode == 0
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)
    piped = run("net.cnn", "-o", "-", "--to", "mermaid", cwd=tmp_path)
    assert piped.stdout == (tmp_path / "x.mmd").read_bytes()
    assert run("net.cnn", "-o", "-", cwd=tmp_path).stdout == (tmp_path / "net.svg").read_bytes()
    closed = run("net.cnn", "-o", "-", "--to", "dot", "--depth", "0", cwd=tmp_path)
    assert b"a(4)" in closed.stdout and b"cluster" not in closed.stdout


def test_command_refuses(tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text("input 3x8x8 -> relu", encoding="utf-8")
    for args, code, words in (
        (("net.cnn", "-o", "net.png"), b"E0504", b"svg (.svg), mermaid (.mmd), dot (.dot)"),
        (("net.cnn", "--to", "png"), b"E0504", b"targets are svg, mermaid, dot"),
        (("net.cnn", "-o", "no/folder/x.svg"), b"E0503", b"cannot write"),
        (("net.cnn", "--to", "dot", "-o", "net.cnn"), b"E0503", b"it is the program itself"),
        (("missing.cnn",), b"E0501", b"cannot read"),
    ):
        result = run(*args, cwd=tmp_path)
        assert result.returncode == 2 and code in result.stderr and words in result.stderr, args
    assert run("net.cnn", "--depth", "-1", cwd=tmp_path).returncode == 2
    assert run("-e", "input 3x8x8 -> rellu", cwd=tmp_path).returncode == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.cnn"]
