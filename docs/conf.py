# ruff: noqa: INP001  # Sphinx reads it by its path; docs/ is no package
"""Sphinx's settings for these pages; ``make docs`` builds them into build/docs."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from anyseg_core import __version__  # noqa: E402  # the path must come first

project = "anyseg"
author = "The anyseg developers"
copyright = author  # noqa: A001  # Sphinx's own name
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["dollarmath"]
# Links such as data.md#own-data; and what lies outside this folder stays a plain link.
myst_heading_anchors = 4
suppress_warnings = ["myst.xref_missing"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give shapes and units, which types do not
html_theme = "furo"
html_title = f"anyseg {__version__}"
