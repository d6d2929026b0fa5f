"""Links between files of the repository become links of the site; a link to a file that does not exist is a warning."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote, urlsplit

from docutils import nodes
from myst_parser.slugs import github_slugify
from pages import ROOT
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.logging import getLogger

__all__ = ["setup"]

_log = getLogger(__name__)


class RepositoryLinks(SphinxTransform):
    """Point every relative link and picture of a page at what its file has at this place.

    ``../SPEC.md#SEL-1`` becomes ``spec.html#SEL-1``, because the site has a page for the file. ``../backends/torch``
    becomes an address of the repository, because it has none. A picture is read from the repository. A heading has the
    anchor that GitHub gives it, too.
    """

    default_priority = 100

    def apply(self, **_: Any) -> None:
        """Change the references and the images of one document."""
        for node in self.document.findall(nodes.reference):
            parts = urlsplit(node.get("refuri", "#"))
            if not parts.scheme and not parts.netloc and parts.path and not node.get("internal"):
                node["refuri"] = self._address(node, unquote(parts.path), parts.fragment)
        for node in self.document.findall(nodes.image):
            if not urlsplit(node["uri"]).scheme:
                node["uri"] = "/" + self._file(node, unquote(node["uri"]))

        for section in self.document.findall(nodes.section):
            slug = github_slugify(section[0].astext())
            if slug not in self.document.ids:
                section["ids"].append(slug)

    def _address(self, node: nodes.Node, path: str, fragment: str) -> str:
        file = self._file(node, path)
        page = {source: name for name, source in self.config.page_sources.items()}.get(file)
        if page is None:
            return self.config.source_address + file + (f"#{fragment}" if fragment else "")
        here = posixpath.dirname(self.env.docname) or "."
        return posixpath.relpath(f"{page}.html", here) + (f"#{fragment}" if fragment else "")

    def _file(self, node: nodes.Node, path: str) -> str:
        """The file that a path of this page names, from the root of the repository."""
        folder = posixpath.dirname(self.config.page_sources[self.env.docname])
        file = posixpath.normpath(posixpath.join(folder, path))
        if file.startswith("..") or not (ROOT / file).exists():
            _log.warning("the link %s names no file of the repository", path, location=node, type="link")
        return file


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform and what it needs to know."""
    app.add_config_value("page_sources", {}, "env", dict)
    app.add_config_value("source_address", "", "env", str)
    app.add_transform(RepositoryLinks)
    return {"parallel_read_safe": True}
