"""The page of the deploy examples in a real browser, from its own server."""

import re
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.browser import CHROMIUM, Browser

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "examples" / "deploy" / "browser" / "serve.mjs"
TEXT = (ROOT / "docs" / "deploy.md").read_text("utf-8")
STATUS = "document.querySelector('#status').textContent"
SHOWN = "document.querySelector('output').value"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install chromium to run these")


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def address(node, deployed) -> Iterator[str]:
    """What the server says."""
    server = subprocess.Popen([node, SERVER, deployed.path, "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.kill()
    server.wait()
    server.stdout.close()


def _loaded(browser: Browser, address: str) -> str:
    browser.open(address)
    return str(browser.wait(f"{STATUS} !== 'Loading the model …' && {STATUS}"))


def _ask(browser: Browser, deployed, context: int) -> str:
    fields = {"prompt": deployed.prompt.decode(), "count": deployed.count, "context": context}
    for name, value in fields.items():
        browser.value(f"document.querySelector('#{name}').value = '{value}'")
    browser.value("document.querySelector('#status').textContent = ''; document.querySelector('button').click()")
    return str(browser.wait(STATUS))


def test_the_page_continues_as_torch_does(browser, address, deployed):
    assert _loaded(browser, address).startswith("model.onnx is loaded")
    assert re.fullmatch(r"40 bytes in \d+\.\d\d s", _ask(browser, deployed, deployed.context))
    assert browser.value(SHOWN) == deployed.text.decode("utf-8", "replace")
    assert browser.events_of("Log.entryAdded") == browser.events_of("Runtime.exceptionThrown") == []
    assert {event["request"]["url"].split("/")[2] for event in browser.events_of("Network.requestWillBeSent")} == {
        address.split("/")[2]
    }


def test_the_server_says_where_to_look(address):
    assert re.sub(r":\d+/", ":8080/", address) in TEXT


def test_the_page_has_more_than_one_thread_at_hand(browser, address):
    _loaded(browser, address)
    assert browser.value("crossOriginIsolated") is True


def test_a_context_beyond_the_model_is_refused_and_the_page_goes_on(browser, address, deployed):
    _loaded(browser, address)
    assert "is the context too long" in _ask(browser, deployed, 99)
    assert _ask(browser, deployed, deployed.context).startswith("40 bytes")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?model=model.onnx", "Module.MountedFiles is not available"),
        ("?model=none.onnx", "failed to load external data file"),
    ],
)
def test_a_browser_refuses_in_the_words_of_the_page(browser, address, query, words):
    assert f"| `{words}` |" in TEXT
    assert words in _loaded(browser, address.split("?")[0] + query)


def test_a_page_opened_as_a_file_never_runs(browser):
    browser.open((SERVER.parent / "index.html").as_uri())
    said = [event["entry"]["text"] for event in browser.events_of("Log.entryAdded")]
    assert any("blocked by CORS policy" in text for text in said), said
    assert "| `blocked by CORS policy` |" in TEXT


@pytest.mark.parametrize("path", ["/..%2fserve.mjs", "/ort/..%2f..%2fpackage.json", "/none", "/%2e%2e/files.mjs"])
def test_the_server_shows_nothing_but_its_files(address, path):
    connection = HTTPConnection(address.split("/")[2], timeout=60)  # which sends a path as it is
    connection.request("GET", path)
    assert connection.getresponse().status == 404
    connection.close()


def test_the_server_refuses_what_it_cannot_serve(node, tmp_path):
    ran = subprocess.run([node, SERVER, tmp_path / "none.onnx"], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert re.fullmatch(r"serve\.mjs: there is no model .*none\.onnx; usage: .*\n", ran.stderr)
