"""Every link within the built site has its page and its anchor, and every picture its file; else the build warns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

__all__ = ["Page", "broken", "read", "setup"]

_log = getLogger(__name__)
_ADDRESSES = {"a": "href", "img": "src", "link": "href", "script": "src", "source": "src", "object": "data"}


@dataclass
class Page(HTMLParser):
    """The addresses that a page uses, and the anchors that it has."""

    addresses: set[str] = field(default_factory=set)
    anchors: set[str] = field(default_factory=lambda: {"", "top"})

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address and the anchor of one element."""
        found = dict(attrs)
        self.addresses.update(filter(None, [found.get(_ADDRESSES.get(tag, ""))]))
        self.anchors.update(filter(None, [found.get("id")]))


@cache
def read(path: Path) -> Page:
    """The addresses and anchors of one file."""
    page = Page()
    page.feed(path.read_text("utf-8"))
    return page


def broken(site: Path) -> list[str]:
    """One line for each address of a page that names nothing in the site; addresses of other sites are left alone."""
    pages = sorted(site.rglob("*.html"))
    return [f"{path.relative_to(site)}: {address}" for path in pages for address in sorted(_wrong(path))]


def _wrong(path: Path) -> set[str]:
    return {address for address in read(path).addresses if not _exists(path, address)}


def _exists(path: Path, address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return False
    return target.suffix != ".html" or unquote(parts.fragment) in read(target).anchors


def _check(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        read.cache_clear()
        for line in broken(Path(app.outdir)):
            _log.warning("this address names nothing in the site: %s", line, type="anchor")


def setup(app: Sphinx) -> dict[str, bool]:
    """Check the site at the end of a build."""
    app.connect("build-finished", _check, priority=900)
    return {"parallel_read_safe": True}
