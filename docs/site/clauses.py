"""Clauses: each is an anchor of its page and an object of the search, and each identifier in a text is a link to it.

An identifier such as SEL-0, of a known family but of no clause, is a warning.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.logging import getLogger

__all__ = ["clause_pages", "setup"]

_log = getLogger(__name__)
_ANCHOR = re.compile(r'<a id="([A-Z]{3}-\d+)"></a>')
_TAG = re.compile(r'<a id="([A-Z]{3}-\d+)">')  # the parser gives the two tags of an anchor one by one
_IDENTIFIER = re.compile(r"\b([A-Z]{3}-\d+)\b")
_CODE = (nodes.literal, nodes.literal_block, nodes.doctest_block, nodes.raw)
_NO_LINK_IN = (nodes.reference, nodes.title)


def clause_pages(root: Path, sources: Mapping[str, str]) -> dict[str, str]:
    """The page of every clause: the one whose file has its anchor."""
    texts = {page: (root / file).read_text("utf-8") for page, file in sources.items() if file.startswith("SPEC")}
    return {clause: page for page, text in texts.items() for clause in _ANCHOR.findall(text)}


class ClauseAnchors(SphinxTransform):
    """Move the anchor of a clause to its paragraph, and make the clause an object that the search finds."""

    default_priority = 200

    def apply(self, **_: Any) -> None:
        """Change one document."""
        std = self.env.domains.standard_domain
        for raw in list(self.document.findall(nodes.raw)):
            if found := _TAG.fullmatch(raw.astext()):
                raw.parent["ids"].append(found[1])
                std.note_object("clause", found[1], found[1], location=raw)
            if found or raw.astext() == "</a>":
                raw.parent.remove(raw)


class ClauseLinks(SphinxTransform):
    """Make every identifier of a clause in running text a link to the clause, and find those of no clause."""

    default_priority = 300

    def apply(self, **_: Any) -> None:
        """Change one document."""
        for text in list(self.document.findall(nodes.Text)):
            if not _IDENTIFIER.search(text) or _inside(text, _CODE):
                continue
            self._warn_of_unknown(text)
            if not _inside(text, _NO_LINK_IN):
                text.parent.replace(text, list(self._parts(text)))

    def _warn_of_unknown(self, text: nodes.Text) -> None:
        known = self.config.clause_page
        families = {identifier[:3] for identifier in known}
        for found in _IDENTIFIER.findall(text):
            if found not in known and found[:3] in families:
                _log.warning("%s is the identifier of no clause", found, location=text.parent, type="clause")

    def _parts(self, text: str) -> Iterator[nodes.Node]:
        for number, part in enumerate(_IDENTIFIER.split(text)):
            page = self.config.clause_page.get(part) if number % 2 else None
            if page is None:
                yield nodes.Text(part)
                continue
            here = posixpath.dirname(self.env.docname) or "."
            address = "" if page == self.env.docname else posixpath.relpath(f"{page}.html", here)
            yield nodes.reference("", part, refuri=f"{address}#{part}", internal=True, classes=["clause"])


def _inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transforms; clauses come first among the results of a search."""
    app.add_config_value("clause_page", {}, "env", dict)
    app.add_object_type("clause", "clause", objname="clause")
    app.add_transform(ClauseAnchors)
    app.add_transform(ClauseLinks)
    return {"parallel_read_safe": True}
