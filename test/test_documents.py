"""What the documents show is there and runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_the_python_of_the_models_page_runs():
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        names = {}
        exec(block, names)  # noqa: S102 - the document's own example
        assert tuple(names["output"].logits.shape) == (1, 25, 256, 256)


def test_the_pages_build_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    words = ["-q", "-W", "--keep-going", "-b", "html", "-d", tmp_path / "cache"]
    command = [sys.executable, "-m", "sphinx", *words, ROOT / "docs", tmp_path / "html"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "anyseg_core.pipeline.Pipeline" in (tmp_path / "html" / "library.html").read_text()


def test_the_topics_and_services_of_the_pages_are_those_of_the_code():
    sources = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("anyseg_ros/**/*.py"))
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCUMENTS)
    made = set(re.findall(r'"~/(\w+)', sources))
    assert "segmentation" in made
    assert set(re.findall(r"`~/(\w+)", pages)) == made
