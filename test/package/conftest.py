"""What the package's own files say: setup.py, package.xml and the imports of every module."""

import ast
import runpy
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]


def imported_modules(source):
    """Return the dotted names that a module imports, wherever in it the import stands.

    A relative import comes out as it stands, with its dots.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            # `from package import name` may mean the module package.name: both count.
            names.add(module)
            if node.module == "anyseg_core":
                names.update(f"anyseg_core.{alias.name}" for alias in node.names)
    return names


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def imports():
    """Map each module's path below the root to the names that it imports."""
    return {
        path.relative_to(ROOT): imported_modules(path.read_text(encoding="utf-8"))
        for package in ("anyseg_core", "anyseg_ros")
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@pytest.fixture(scope="session")
def manifest():
    return ET.parse(ROOT / "package.xml").getroot()  # noqa: S314 - the project's own file


@pytest.fixture(scope="session")
def setup_arguments():
    """Return what setup.py passes to setuptools, without building anything."""
    setuptools = pytest.importorskip("setuptools", reason="setuptools is not installed")
    passed = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", passed.update)
        patch.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
    return passed
