"""Backends that cannot be found, loaded or called: an exit status, one sentence, and the suite survives all of them."""

from __future__ import annotations

import re
import sys

import pytest

HEAD = "import numpy as np\nfrom peerspec.reference import Output, forward as right\n"
CONTRACT = "name = 'bad'\nprofiles = ['float32']\n"
FORWARD = "def forward(layer, x, *, mask=None, training=False):\n    "
REFERENCE = """out = right(layer, x)
    y, s, g = (part.astype('f4') for part in (out.y, out.scores, out.gates))
    """
RIGHT = FORWARD + REFERENCE + "return Output(y, s, out.indices, g)\n"

# (the file's text, the exit status, what the one sentence or the verdict says)
NEVER_LOADED = {
    "import error": ("import no_such_module\n", "No module named 'no_such_module'"),
    "syntax error": ("def\n", "cannot be imported: SyntaxError"),
    "missing framework": ("raise ImportError('frame is not installed; pip install frame')", "pip install frame"),
    "exit at import": ("raise SystemExit(3)\n", "cannot be imported: SystemExit: 3"),
    "end at import": ("import os\nos._exit(3)\n", "its process died during the import (exit status 3)"),
    "no forward": (CONTRACT, "lacks forward"),
    "text for profiles": ("name = 'bad'\nprofiles = 'float32'\n" + RIGHT, "must be a collection of names"),
    "shards": ("name = 'bad'\nprofiles = ['float32', 'sharded']\n" + RIGHT, "judge it over its shards"),
    "unknown profile": ("name = 'bad'\nprofiles = ['float31']\n" + RIGHT, "claims the unknown profile 'float31'"),
}


@pytest.mark.parametrize(("text", "sentence"), NEVER_LOADED.values(), ids=NEVER_LOADED)
def test_a_backend_that_cannot_be_loaded_is_one_sentence_and_status_2(peerspec, tmp_path, text, sentence):
    (tmp_path / "bad.py").write_text(HEAD + text)
    result = peerspec("check", tmp_path / "bad.py", "--size", "minimal", "--quiet")
    assert result.status == 2
    assert sentence in result.err
    assert result.err.startswith("peerspec: ")
    assert result.err.count("\n") == 1
    assert result.out == ""


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nope", "no backend is called 'nope'"),
        ("nope.py:backend", "nope.py is not a file"),
        ("no.such.module:backend", "No module named 'no'"),
        (".", "'.' does not name a backend; use a name, module:attribute or file.py:attribute"),
        (sys.executable, "is not a Python file; name a backend as file.py:attribute"),
        ("peerspec.backends.reference:nothing", "has no attribute 'nothing'"),
        ("peerspec.reference:Layer", "is a class; name an instance"),
    ],
)
def test_a_name_that_names_no_backend_is_one_sentence_and_status_2(peerspec, name, sentence):
    result = peerspec("check", name, "--quiet")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert sentence in result.err


CALLED = {
    "raises": (FORWARD + "raise RuntimeError('no such size')", 1, "CNF-4"),
    "has no memory left": (FORWARD + "raise MemoryError", 2, "forward() ended with MemoryError"),
    "hangs": ("import time\n" + FORWARD + "time.sleep(60)", 2, "forward() gave no answer within 0.5 s"),
    "exits": (FORWARD + "raise SystemExit(0)", 2, "forward() ended with SystemExit"),
    "leaves": ("import os\n" + FORWARD + "os._exit(0)", 2, "its process died during forward() (exit status 0)"),
    "is killed": (
        "import os, signal\n" + FORWARD + "os.kill(os.getpid(), signal.SIGKILL)",
        2,
        "its process died during forward() (killed by signal 9, as a system does when memory runs out)",
    ),
    "returns None": (FORWARD + "return None", 2, "forward() must return an Output, got NoneType"),
    "returns a text": (FORWARD + "return 'y'", 2, "forward() must return an Output, got str"),
    "returns texts in y": (
        FORWARD + "return Output('y')",
        2,
        "y must be an array of numbers of at most 64 bits, got an array of <U1",
    ),
    "returns None in y": (
        FORWARD + "return Output(None)",
        2,
        "y must be an array of numbers of at most 64 bits, got NoneType",
    ),
    "wrong shape": (FORWARD + REFERENCE + "return Output(y[..., :-1], s, out.indices, g)", 1, "SHP-1"),
    "wrong dtype": (FORWARD + REFERENCE + "return Output(out.y, s, out.indices, g)", 1, "PRC-6"),
    "half a routing": (FORWARD + REFERENCE + "return Output(y, s, None, None)", 1, "CNF-3"),
    "modifies x": (FORWARD + REFERENCE + "x += 1\n    return Output(y, s, out.indices, g)", 1, "IND-2"),
    "claims nothing": (RIGHT + "profiles = []", 1, "it claims no precision (CNF-1)"),
    "refuses everything": (RIGHT + "def supports(config, dtype): return 'not today'", 1, "CNF-4"),
    "supports says False": (RIGHT + "def supports(config, dtype): return False", 2, "must return True or a reason"),
    "claims more than it has": (RIGHT + "profiles = ['float32', 'select']", 2, "it has no select()"),
}


@pytest.mark.parametrize(("text", "status", "verdict"), CALLED.values(), ids=CALLED)
def test_a_backend_that_misbehaves_is_judged_all_the_same(peerspec, tmp_path, text, status, verdict):
    (tmp_path / "bad.py").write_text(HEAD + CONTRACT + text)
    result = peerspec("check", tmp_path / "bad.py", "--size", "minimal", "--timeout", "0.5", "--quiet")
    assert result.status == status
    assert verdict in " ".join(result.out.split())
    assert result.out.count("bad: ") == 1
    assert result.err == ""


def test_an_exception_of_a_backend_is_shown_whole_with_its_lines(peerspec, tmp_path):
    text = "def helper():\n    raise ValueError('first\\nsecond')\n" + FORWARD + "helper()"
    (tmp_path / "bad.py").write_text(HEAD + CONTRACT + text)
    report = tmp_path / "report.json"
    result = peerspec("check", tmp_path / "bad.py", "--size", "minimal", "--stop-early", "--json", report)
    shown = [line.strip() for line in result.out.splitlines()]
    at = shown.index("second")
    assert " ".join(shown[:at]).endswith("but forward() raised ValueError: first")
    assert shown[at + 1] == "bad.py:8 in forward: helper()"
    assert shown[at + 2] == r"bad.py:6 in helper: raise ValueError('first\nsecond')"
    page = tmp_path / "report.html"
    peerspec("render", report, "--html", page)
    assert "bad.py:8 in forward: helper()\nbad.py:6 in helper" in page.read_text("utf-8")


def test_the_output_of_a_backend_does_not_reach_standard_output(peerspec, tmp_path):
    (tmp_path / "bad.py").write_text(HEAD + CONTRACT + RIGHT.replace("out =", "print('noise', flush=True); out ="))
    result = peerspec("check", tmp_path / "bad.py", "--size", "minimal", "--quiet", "--stop-early")
    assert result.status == 0
    assert result.out == "✓ bad: conformant (float32)\n"
    assert "noise" in result.err


def test_consequences_of_a_wrong_shape_are_counted_and_not_repeated(peerspec, tmp_path):
    (tmp_path / "bad.py").write_text(HEAD + CONTRACT + CALLED["wrong shape"][0])
    out = peerspec("check", tmp_path / "bad.py", "--size", "minimal").out
    assert out.count("must have shape") == 1
    assert "further checks were blocked by these failures" in out


@pytest.mark.parametrize(("text", "status"), [(RIGHT, 0), (CALLED["raises"][0], 2), (CALLED["wrong shape"][0], 2)])
def test_smoke_imports_and_calls_a_backend_and_judges_nothing(peerspec, tmp_path, text, status):
    (tmp_path / "bad.py").write_text(HEAD + CONTRACT + text)
    result = peerspec("smoke", tmp_path / "bad.py")
    assert result.status == status
    assert ("✓ forward in float32, routing shown" in result.out) == (status == 0)


def test_smoke_says_that_the_import_fails(peerspec):
    result = peerspec("smoke", "nope")
    assert result.status == 2
    assert "! import and contract: no backend is called 'nope'" in result.out


def test_one_error_of_many_calls_is_told_once(peerspec, tmp_path):
    (tmp_path / "bad.py").write_text(HEAD + CONTRACT + FORWARD + "raise RuntimeError(f'no size {x.shape}')")
    result = peerspec("check", tmp_path / "bad.py", "--size", "minimal")
    assert result.out.count("raised RuntimeError") == 1
    assert "further checks were blocked by these failures" in result.out


def test_no_verdict_says_what_had_passed(peerspec, tmp_path):
    text = FORWARD + "return reference.forward(layer, x, **_) if layer.config.top_k < 8 else time.sleep(60)"
    (tmp_path / "bad.py").write_text("import time\nfrom peerspec.backends import reference\n" + HEAD + CONTRACT + text)
    result = peerspec("check", tmp_path / "bad.py", "--size", "minimal", "--timeout", "1")
    assert result.status == 2
    assert "forward() gave no answer within 1 s, the limit of --timeout" in result.out
    assert re.search(r"\b[1-9]\d* checks on \d+ cases had passed", result.out)
