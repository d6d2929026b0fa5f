"""What Sphinx reads first. ``python docs/site FOLDER`` builds the site from the pages that ``pages.py`` names."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from clauses import clause_pages
from pages import PAGES, ROOT

from peerspec.reference import SPEC_VERSION
from peerspec.reference.version import SITE

SOURCE = "https://github.com/peerspec/peerspec/blob/main/"

project = "peerspec"
version = release = SPEC_VERSION
author = "the authors of peerspec"
project_copyright = "the authors of peerspec, Apache-2.0"
language = "en"
smartquotes = False  # clauses are shown as they are written

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "links",
    "clauses",
    "docstrings",
    "signatures",
    "anchors",
]
source_suffix = {".md": "markdown"}

# A page is written for GitHub, so a link names a file of the repository; links.py makes it a link of the site.
myst_all_links_external = True
exclude_patterns = ["benchmarks", "docs"]  # pictures alone are read from there

page_sources = {name: path.relative_to(ROOT).as_posix() for name, path in PAGES.items()}
source_address = SOURCE
clause_page = clause_pages(ROOT, page_sources)

autodoc_member_order = "groupwise"
autodoc_default_options = {"members": True}
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
pygments_style, pygments_dark_style = "friendly", "github-dark"

html_theme = "furo"
html_title = "peerspec"
html_baseurl = SITE
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "footer_icons": [],
    "light_css_variables": {"color-brand-primary": "#0b5cad", "color-brand-content": "#0b5cad"},
    "dark_css_variables": {"color-brand-primary": "#6cb2ff", "color-brand-content": "#6cb2ff"},
}
