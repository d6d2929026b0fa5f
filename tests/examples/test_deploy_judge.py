"""ONNX Runtime's packages for Node.js and for browsers run the exported graph under the suite."""

import sys
from pathlib import Path

import pytest
from support.browser import CHROMIUM

from peerspec.backends.process import Command, ProcessBackend, ProcessError
from peerspec.conformance import check_backend

PEER = Path(__file__).parents[2] / "examples" / "deploy" / "judge" / "peer.mjs"
CLAIMS = ("float32", "float64", "float16", "select", "query-bias", "glu", "sigmoid", "per-head-keys")


@pytest.fixture(params=["node", "web"])
def runtime(request, node, monkeypatch) -> str:
    if request.param == "web":
        if CHROMIUM is None:
            pytest.skip("no Chromium on this machine; install chromium to run these")
        monkeypatch.setenv("CHROMIUM", CHROMIUM)
    return request.param


def test_the_exported_graph_is_conformant_in_all_that_is_claimed(node, runtime):
    report = check_backend(Command([node, str(PEER), runtime, sys.executable]), size="minimal")
    assert str(report.verdict) == "conformant, with declined configurations", [
        finding.message for finding in report.of("fail", "error")
    ]
    assert set(report.claimed) == set(CLAIMS)
    assert report.backend.startswith(f"onnxruntime-{runtime} ")
    (declined,) = report.declined
    assert declined.startswith("float64: ")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["peer"], "name a runtime"),
        (["node", "/nowhere/python"], "/nowhere/python cannot import peerspec.export"),
    ],
)
def test_a_program_that_cannot_start_says_why(node, words, reason):
    with pytest.raises(ProcessError, match=reason):
        ProcessBackend([node, str(PEER), *words])


def test_a_missing_browser_is_named(node, monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(ProcessError, match="/nowhere/chromium ENOENT; install Chromium"):
        ProcessBackend([node, str(PEER), "web", sys.executable])
