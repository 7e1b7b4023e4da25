"""The documentation site: tools/docs builds it.

Nothing is fetched, neither by the build nor by a reader's browser: no intersphinx, and formulas
are MathML. Links out of this folder are written as they work in the repository, and led to the
site's own pages by _extensions/outside.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_extensions"), str(DOCS.parent / "src")]

import mathml  # noqa: E402, F401 (its absence is told before anything is built)
from members import own_methods, own_properties  # noqa: E402

import mixtura  # noqa: E402

project = "mixtura"
author = "The mixtura developers"
copyright = author
version = release = mixtura.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "outside",
    "results",
]
exclude_patterns = ["_extensions", "_templates"]
templates_path = ["_templates"]
html_static_path = ["_static"]
suppress_warnings = ["config.cache"]  # the gallery's configuration holds functions
nitpicky = True

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

autosummary_generate = True
autosummary_context = {"own_methods": own_methods, "own_properties": own_properties}
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # types are in the docstrings, with shapes
numpydoc_show_class_members = False  # the template lists what mixtura defines
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["_generated/gallery"],
    "filename_pattern": r"\.py$",  # examples that print are run, too
    "within_subsection_order": "order.Story",
    "backreferences_dir": "_generated/backreferences",
    "doc_module": ("mixtura",),
    "reference_url": {"mixtura": None},
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 3600,
    "show_signature": False,
    "write_computation_times": False,
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = "mixtura"
html_copy_source = False
html_show_sphinx = False
#: Pages with their contents beside them; wide tables have that room to themselves.
CONTENTS = {
    pattern: ["page-toc"]
    for pattern in (
        "guide/*",
        "adr/*",
        "howto",
        "tutorial",
        "_generated/api/*",
        "_generated/gallery/*",
    )
}
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": CONTENTS,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {name: [] for name in ("index", "install", "tutorial", "howto", "compatibility")}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
