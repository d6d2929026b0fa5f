"""The page in a real browser: no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.browser import CHROMIUM, Browser

from peerspec.conformance import check_backend
from peerspec.conformance.kinds import Status
from peerspec.conformance.problems import Problem
from peerspec.conformance.render.html import page
from peerspec.conformance.report import Report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install chromium to run these")

MUTANTS = Path(__file__).parents[1] / "mutants"
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
DESKTOP = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def broken() -> Report:
    return check_backend(str(MUTANTS / "scores_with_temperature.py"), size="minimal")


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Any:
    def show(*reports: Report, screen: dict[str, Any] = DESKTOP, scheme: str = "light") -> Browser:
        (tmp_path / "page.html").write_text(page(reports), "utf-8")
        browser.call("Emulation.setDeviceMetricsOverride", **screen)
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open((tmp_path / "page.html").as_uri())
        return browser

    return show


def test_the_page_logs_nothing_and_requests_nothing_else(shown, broken):
    tab = shown(broken)
    assert (
        tab.events_of("Log.entryAdded")
        == tab.events_of("Runtime.consoleAPICalled")
        == tab.events_of("Runtime.exceptionThrown")
        == []
    )
    urls = [event["request"]["url"] for event in tab.events_of("Network.requestWillBeSent")]
    assert [url for url in urls if not url.startswith("data:,")] == [tab.value("location.href")]
    assert "not conformant: SCO-1" in tab.value("document.querySelector('.verdict').innerText")


def test_a_hostile_name_is_only_a_name(shown, broken):
    findings = tuple(
        replace(f, message=HOSTILE, case=HOSTILE, problem=Problem(HOSTILE, {}, {HOSTILE: HOSTILE}))
        for f in broken.findings
    )
    tab = shown(replace(broken, backend=HOSTILE, address=HOSTILE, findings=findings))
    assert tab.value("document.querySelectorAll('script, img').length") == 0
    assert tab.value("document.title") != "owned"
    assert tab.value("document.querySelector('.card h3').textContent") == HOSTILE


def test_dark_is_dark_and_light_is_light(shown, broken):
    background = "getComputedStyle(document.body).backgroundColor"
    assert shown(broken, scheme="light").value(background) == "rgb(255, 255, 255)"
    assert shown(broken, scheme="dark").value(background) == "rgb(15, 19, 23)"


@pytest.mark.parametrize("count", [1, 4])
def test_a_phone_needs_no_sideways_scrolling(shown, broken, count):
    long = replace(broken, backend="a" * 200, address="b" * 300, declined=("c" * 300,))
    tab = shown(*[long] * count, screen=PHONE)
    tab.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.value("innerWidth") == 360
    assert tab.value(OVERFLOW) == 0


def test_marks_stand_at_the_position_of_their_errors(shown, broken):
    """Left of the line at 1 where a check passed, right of it where it failed, in pixels."""
    tab = shown(broken)
    left = "e => e.getBoundingClientRect().x + e.getBoundingClientRect().width / 2"
    script = """[...document.querySelectorAll('.checks tbody .strip svg[role=img]')].map(svg => [
        svg.getBoundingClientRect().x, svg.getBoundingClientRect().width,
        [...svg.querySelectorAll('use.p')].map(%s), [...svg.querySelectorAll('use.f')].map(%s)])"""
    one = tab.value("parseFloat(document.querySelector('#grid line.one').getAttribute('x1')) / 100")
    strips = tab.value(script % (left, left))
    assert sum(len(failed) for *_, failed in strips) == len([f for f in broken.of(Status.FAIL) if f in broken.causes])
    for x, width, passed, failed in strips:
        assert all(place < x + one * width for place in passed)
        assert all(place > x + one * width for place in failed)


def test_a_screen_reader_finds_landmarks_headings_and_the_words_of_every_picture(shown, broken):
    nodes = shown(broken).call("Accessibility.getFullAXTree")["nodes"]
    seen = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")]
    roles = [role for role, _ in seen]
    assert {"main", "banner", "contentinfo", "navigation", "table", "rowheader", "columnheader"} <= set(roles)
    assert ("heading", "PEER conformance report") in seen
    pictures = [name for role, name in seen if role == "image"]
    assert pictures
    assert all(name.startswith("error divided by its bound: ") for name in pictures)
    assert all(name for role, name in seen if role in ("link", "region", "table"))


def test_the_keyboard_reaches_the_first_failure(shown, broken):
    tab = shown(broken)
    reached = []
    for _ in range(12):
        for kind in ("keyDown", "keyUp"):
            tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(tab.value("document.activeElement.getAttribute('href')"))
        assert tab.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached[0] == "#main"
    assert "#b0-f0" in reached


def test_print_opens_every_failure(shown, broken):
    tab = shown(broken)
    hidden = "[...document.querySelectorAll('.failure .again')].filter(e => !e.checkVisibility()).length"
    assert tab.value(hidden) > 0
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.value(hidden) == 0
    tab.call("Emulation.setEmulatedMedia", media="")
