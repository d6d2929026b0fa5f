"""The site in a real browser: on a phone, in the dark, and its search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install chromium to run these")

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
DESKTOP = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
PAGES = ("index", "spec", "tester", "speed", "measurements-cpu", "bounds", "api/torch", "api/native", "api/conformance")
CONTRAST = """(() => {
    const light = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
    const parts = color => color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(light);
    const luminance = color => parts(color).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = luminance(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll('article p, article a, article td')].slice(0, 400).map(e => {
        const ink = luminance(getComputedStyle(e).color);
        return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    }).reduce((least, one) => Math.min(least, one), 21) })()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture
def shown(browser: Browser, site: Path) -> Any:
    def show(page: str, *, screen: dict[str, Any] = DESKTOP, scheme: str = "light") -> Browser:
        browser.call("Emulation.setDeviceMetricsOverride", **screen)
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open("about:blank")  # a step within a page would load nothing
        browser.open(f"{site.as_uri()}/{page}")
        return browser

    return show


@pytest.mark.parametrize("page", PAGES)
def test_a_phone_needs_no_sideways_scrolling(shown, page):
    tab = shown(f"{page}.html", screen=PHONE)
    assert tab.value("innerWidth") == 390
    assert tab.value(OVERFLOW) == 0


def test_a_wide_table_scrolls_by_itself_on_a_phone(shown):
    tab = shown("measurements-cpu.html", screen=PHONE)
    wide = "[...document.querySelectorAll('.table-wrapper')].filter(e => e.scrollWidth > e.clientWidth).length"
    assert tab.value(wide) > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(shown, scheme):
    tab = shown("spec.html", scheme=scheme)
    ground = tab.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground.strip("rgba()").split(",")[:3])) > 384) == (scheme == "light")
    assert tab.value(CONTRAST) >= 4.5


def test_the_search_for_a_clause_finds_the_clause_first(shown):
    tab = shown("search.html?q=SEL-3")
    assert tab.wait("document.querySelector('ul.search li a')?.getAttribute('href')", seconds=20) == "spec.html#SEL-3"


def test_an_address_of_a_clause_shows_the_clause(shown):
    tab = shown("spec.html#PRC-4")
    place = "document.getElementById('PRC-4').getBoundingClientRect().top"
    tab.wait(f"0 <= {place} && {place} < innerHeight", seconds=20)
    assert tab.value("document.querySelector(':target').innerText.split(' ')[0]") == "PRC-4"


def test_the_figure_of_the_data_flow_is_loaded_and_described(shown):
    tab = shown("index.html")
    assert tab.value("document.querySelector('img[src$=\"peer.svg\"]').naturalWidth") == 960
    assert "sub-keys" in tab.value("document.querySelector('img[src$=\"peer.svg\"]').alt")
