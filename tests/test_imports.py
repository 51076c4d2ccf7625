"""What is loaded when, and what the package contains."""

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

HEAVY = (
    "torch",
    "onnx",
    "numpy",
    "rich",
    "graphlay",
    "dask",
    "pyarrow",
    "matplotlib",
    "sqlite3",
    "cnnc.compiler.sweep",
)


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after some code; a measurement of coverage would load its own."""
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    result = subprocess.run([sys.executable, "-c", script], env=alone, capture_output=True, text=True, check=True)
    return set(result.stderr.split())


def test_import_is_light() -> None:
    assert not loaded_after("import cnnc").intersection(HEAVY)
    assert "cnnc.compiler.net" not in loaded_after("import cnnc")
    assert "cnnc.compiler.net" in loaded_after("import cnnc; cnnc.compile")


def test_piped_analyze_is_light() -> None:
    code = f"from cnnc.compiler.cli import run; run(['analyze', {str(ROOT / 'examples/resnet50.cnn')!r}])"
    modules = loaded_after(code)
    assert "lark" in modules
    assert not modules.intersection(HEAVY)
    own = {name for name in modules if name.startswith("cnnc.")}
    assert not own.intersection({"cnnc.compiler.writing", "cnnc.compiler.recipe", "cnnc.compiler.reference"})
    late = {"csv", "difflib", "json", "pathlib", "importlib.resources", "zipfile"}
    assert not (modules - loaded_after("")).intersection(late)  # an editable installation loads some by itself


def test_torch_source_needs_no_torch() -> None:
    code = f"import cnnc; cnnc.load({str(ROOT / 'examples/lenet5.cnn')!r}).torch_source()"
    assert not loaded_after(code).intersection(HEAVY)


def python_files() -> list[Path]:
    return [path for top in ("compiler", "grammar", "backends") for path in sorted((ROOT / top).rglob("*.py"))]


def test_packages_are_listed() -> None:
    """The list of packages in pyproject.toml is the tree; a missing one would be absent from the wheel."""
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    parents = {path.parent.relative_to(ROOT) for path in python_files()}
    assert listed == {"cnnc"} | {".".join(("cnnc", *parent.parts)) for parent in parents}


def static_imports(path: Path) -> list[str]:
    """What a file imports when it is itself imported, as paths below the repository root, dots between the parts."""
    package = path.relative_to(ROOT).parts[:-1]
    names = []
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = package[: len(package) - node.level + 1]
        modules = [node.module] if node.module else [alias.name for alias in node.names]
        names += [".".join((*base, module)) for module in modules]
    return names


def test_imports_point_backwards() -> None:
    """Stages import what stands before them; the compiler never imports a backend when it is itself imported."""
    order = [
        "namespace",
        "source",
        "limits",
        "signals",
        "streams",
        "catalogue",
        "symbolic",
        "diagnostics",
        "public",
        "render",
        "syntax",
        "lookalikes",
        "brackets",
        "malformed",
        "syntax_errors",
        "parse",
        "ops",
        "recipe",
        "ir",
        "ir_text",
        "verify_ir",
        "elaborate",
        "specialize",
        "constraints",
        "misfits",
        "memory",
        "cost",
        "conventions",
        "training",
        "roofline",
        "fields",
        "rows",
        "explain",
        "report",
        "requests",
        "pipeline",
        "comments",
        "layout",
        "arrange",
        "format",
        "verify",
        "table",
        "formats",
        "align",
        "difference",
        "difference_table",
        "files",
        "writing",
        "ours",
        "devices",
        "drawing",
        "html",
        "net",
        "template",
        "advice",
        "scaling",
        "fitting",
        "reference",
        "sweep",
        "commands",
        "cli",
    ]
    for path in sorted((ROOT / "compiler").rglob("*.py")):
        own = path.relative_to(ROOT / "compiler").parts[0].removesuffix(".py")
        for name in static_imports(path):
            top, *rest = name.split(".")
            assert top in ("compiler", "grammar"), f"{path}: {name}"
            if top == "compiler" and rest and rest[0] != own and own != "__init__":
                assert order.index(rest[0]) < order.index(own), f"{path}: {name}"


def test_no_import_circles() -> None:
    """Following static imports never leads back to where it began."""
    graph = {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): static_imports(p)
        for p in python_files()
    }

    clear: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in clear:
            for target in graph.get(name, ()):
                visit(target, (*trail, name))
            clear.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parity
def test_wheel_works_on_its_own(tmp_path: Path) -> None:
    """The built wheel holds every module and data file, and analyzes a network from an empty folder."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
        names = archive.namelist()
    sources = [p.relative_to(ROOT) for top in ("compiler", "grammar", "backends") for p in (ROOT / top).rglob("*.py")]
    assert {f"cnnc/{p}" for p in sources} <= set(names)
    assert "cnnc/compiler/devices.toml" in names and "cnnc/grammar/templates/unet.cnn" in names
    page = [p.name for p in (ROOT / "compiler/html").iterdir() if p.suffix in (".html", ".css", ".js")]
    assert page and {f"cnnc/compiler/html/{name}" for name in page} <= set(names)
    assert "cnnc/grammar/cnn.lark" in names and "cnnc/py.typed" in names
    code = "import cnnc; print(cnnc.__file__, cnnc.compile('conv3x3(8) -> relu', input='3x8x8').params)"
    result = subprocess.run([sys.executable, "-c", code], cwd=site, capture_output=True, text=True, check=True)
    assert str(site) in result.stdout and result.stdout.split()[-1] == "224"
