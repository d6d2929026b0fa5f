"""The page of usage: whole, self-contained, harmless, and readable on light and dark screens."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from support.browser import CHROMIUM, Browser

from peerspec.plots import LayerUsage, write_page
from peerspec.plots.page import page
from peerspec.reference import InputError

HISTORY = np.array([[0, 0.25, 2.0], [50, 0.5, 1.0]])
COUNTS = np.array([0, 1, 2, 3, 4, 5, 60, 7, 8])
LAYER = LayerUsage(COUNTS, COUNTS * 0.5, HISTORY)
HARMFUL = "<script>alert(1)</script>\u202e & more"

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import peerspec.plots
"""


class Parsed(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def test_the_page_shows_every_layer_in_the_table_and_in_three_pictures() -> None:
    without = LayerUsage(COUNTS, COUNTS * 0.5)
    parsed = Parsed(page({"first": LAYER, "second": without}, "My run"))
    assert [tag for tag, _ in parsed.tags].count("img") == 5  # the second has no history
    for words in ("My run", "first", "second", "88.9 %", "66.7 %", f"{LAYER.unevenness:.3f}", "90"):
        assert words in parsed.text


def test_a_layer_that_saw_no_token_has_a_page() -> None:
    nothing = LayerUsage(np.zeros(9, int), np.zeros(9))
    assert "none" in Parsed(page({"layer": nothing}, "Nothing")).text


def test_names_of_others_are_text_and_nothing_else() -> None:
    text = page({HARMFUL: LAYER}, HARMFUL)
    assert "<script" not in text
    assert "\u202e" not in text
    assert "<script>alert(1)</script>\\u202e & more" in Parsed(text).text


def test_the_page_names_no_other_file_and_no_address() -> None:
    parsed = Parsed(page({"layer": LAYER}, "Run"))
    named = [
        value
        for _, attributes in parsed.tags
        for name, value in attributes.items()
        if name in ("src", "srcset", "href")
    ]
    assert len(named) == 6
    assert all(value is not None and value.startswith("data:image/svg+xml;base64,") for value in named)
    policy = next(a["content"] for tag, a in parsed.tags if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert all(attributes.get("alt") for tag, attributes in parsed.tags if tag == "img")


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "usage.html"
    with pytest.raises(InputError, match="at least one layer, got none"):
        write_page(path, {})
    assert not list(tmp_path.iterdir())
    write_page(path, {"layer": LAYER})
    with pytest.raises(FileExistsError):
        write_page(path, {"layer": LAYER})
    before = path.read_bytes()
    write_page(path, {"layer": LAYER}, overwrite=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["usage.html"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install chromium to run these")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_pictures_of_its_scheme_without_a_complaint(scheme: str, tmp_path: Path) -> None:
    path = tmp_path / "usage.html"
    write_page(path, {"layer": LAYER})
    browser = Browser(tmp_path / "profile")
    try:
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open(path.as_uri())
        assert browser.wait("[...document.images].every(i => i.complete && i.naturalWidth > 100)")
        source = "document.querySelector('source').srcset"
        shown = browser.value(f"document.images[0].currentSrc === {source}")
        background = browser.value("getComputedStyle(document.body).backgroundColor")
        assert not browser.events_of("Log.entryAdded")
    finally:
        browser.close()
    assert shown is (scheme == "dark")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 19, 23)"}[scheme]


def test_without_matplotlib_the_import_says_what_to_install() -> None:
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", BLOCKED], capture_output=True, text=True, check=False)
    last = ran.stderr.strip().splitlines()[-1]
    assert re.fullmatch(r'ImportError: peerspec.plots needs matplotlib, .*; run: pip install "peerspec\[plots\]"', last)
    assert "During handling" not in ran.stderr
