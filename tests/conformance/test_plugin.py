"""``pytest --pyargs peerspec.conformance``, run as a user runs it: in another folder, with warnings as errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from peerspec.backends import reference
from peerspec.conformance import findings
from peerspec.conformance.check import Evidence
from peerspec.conformance.finalise import block_undecided
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.plan import Plan
from peerspec.conformance.problems import Problem, ProblemKind
from peerspec.conformance.pytest_items import Judgement
from peerspec.conformance.run import Run

RIGHT = """
from peerspec import reference
from peerspec.reference import Output
name, profiles = "mine", ["float32"]
def forward(layer, x, *, mask=None, training=False):
    out = reference.forward(layer, x)
    y, scores, gates = (part.astype("f4") for part in (out.y, out.scores, out.gates))
    return Output(y, scores, out.indices, gates)
"""


def wrong(check, precision):
    """A failure of a check."""
    problem = Problem(ProblemKind.ROUTING_INCOMPLETE, {"missing": ["gates"]})
    return findings.failed(check, precision, 1, Evidence(1.0), problem, "a case")


def run(folder: Path, *options: str) -> tuple[int, str]:
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "--pyargs", "peerspec.conformance", "-rsE", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def judged(tmp_path):
    def judge(text: str, *options: str) -> tuple[int, str]:
        (tmp_path / "mine.py").write_text(text)
        return run(tmp_path, "--peer-backend", "mine.py", "--peer-size", "minimal", *options)

    return judge


def test_a_right_backend_passes_one_item_per_check_and_precision(judged):
    status, out = judged(RIGHT, "-v")
    assert status == 0
    assert "peerspec/conformance/test_backend.py::scores.rounding[float32] PASSED" in out
    assert "the profile training is not claimed" in out
    assert "failed" not in out


def test_a_failure_shows_message_and_clause_without_a_traceback(judged):
    status, out = judged(RIGHT.replace("return Output(y,", "return Output(y / 2,"), "-k", "output.sum")
    assert status == 1
    assert "OUT-1: The output MUST be" in out or "OUT-2: Heads MUST be summed" in out
    assert "Traceback" not in out
    assert ".py:" not in out.replace("test_backend.py:", "").replace("items.py:", "")


def test_a_backend_that_raises_fails_and_one_that_exits_is_an_error(judged):
    status, out = judged(RIGHT.replace("out = ", "raise OSError('gone'); out = "), "-k", "structure.answer")
    assert status == 1
    assert "forward() raised OSError: gone" in out
    assert "1 failed" in out
    status, out = judged(RIGHT.replace("out = ", "raise SystemExit(3); out = "), "-k", "structure.answer")
    assert status == 1
    assert "forward() ended with SystemExit" in out
    assert "1 error in" in " ".join(out.split())[-60:] or "1 error" in out
    assert "1 failed" not in out


def test_claiming_nothing_and_refusing_everything_fail(judged):
    status, out = judged(RIGHT + "profiles = []\n")
    assert status == 1
    assert "CNF-1" in out
    status, out = judged(RIGHT + "def supports(config, dtype): return 'not today'\n")
    assert status == 1
    assert "CNF-4" in out


def test_the_summary_is_the_verdict_with_its_level_and_says_if_only_a_part_was_run(judged):
    base = "def supports(c, dtype): return 'not today' if c.d_model % 8 or c.d_model != c.d_out else True\n"
    _, out = judged(RIGHT + base)
    assert "peerspec: mine: conformant, level base, with declined configurations\n" in out
    _, out = judged(RIGHT, "-k", "structure.answer")
    assert "peerspec: mine: holds as far as it was run; run without restrictions for a verdict\n" in out


@pytest.mark.parametrize(
    ("others", "reason"), [(findings.undecided, "undecided"), (wrong, "blocked by another failure")]
)
def test_a_check_that_decides_nothing_is_blocked_by_a_later_failure_as_in_a_report(monkeypatch, others, reason):
    run = Run(open_host(reference, timeout=60), Plan.make(["float32"], size="minimal", only=["structure"]), 0)
    first = run.plan.steps[0]
    make = lambda step: (findings.undecided if step is first else others)(step.check, step.precision)  # noqa: E731
    monkeypatch.setattr(run, "step", make)
    found = Judgement(run, "minimal").finding(f"{first.check.id}[float32]")
    expected = block_undecided(tuple(map(make, run.plan.steps)))[0]
    assert (found, found.reason) == (expected, reason)


def test_without_the_option_the_usage_is_shown(tmp_path):
    status, out = run(tmp_path)
    assert status == 2
    assert "no backend is named; run: pytest --pyargs peerspec.conformance --peer-backend BACKEND" in out


def test_an_unknown_backend_is_one_sentence(tmp_path):
    status, out = run(tmp_path, "--peer-backend", "nope")
    assert status == 2
    assert "no backend is called 'nope'" in out
    assert "Traceback" not in out


def test_the_plugin_imports_nothing(tmp_path):
    code = "import sys; import peerspec.conformance.plugin; print(sorted(m for m in sys.modules if 'peerspec.' in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "['peerspec.conformance', 'peerspec.conformance.plugin']\n"


def test_without_its_option_the_plugin_leaves_other_tests_alone(tmp_path):
    (tmp_path / "test_mine.py").write_text(
        "import sys\ndef test_mine():\n"
        "    assert not {'peerspec.reference', 'peerspec.conformance.pytest_items'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


EVIL = "evil\x1b[2J\x1b]0;t\x07\u202e"


@pytest.mark.parametrize(
    "text",
    [
        f"raise ImportError({EVIL!r})",
        f"name, profiles = {EVIL!r}, ['float32']\ndef forward(*_, **__): pass",
        f"name, profiles = 'b', ['float32']\ndef forward(*_, **__): raise type({EVIL!r}, (Exception,), {{}})",
        f"name, profiles = 'b', ['float32', {EVIL!r}]\ndef forward(*_, **__): pass",
    ],
    ids=["import", "name", "class of an exception", "profile"],
)
def test_no_text_of_a_backend_reaches_the_terminal_as_control_characters(tmp_path, text):
    (tmp_path / "evil.py").write_text(text, "utf-8")
    _, out = run(tmp_path, "--peer-backend", "evil.py", "--peer-size", "minimal", "-rA")
    assert "evil" in out
    assert not set(out) & {"\x1b", "\x07", "\u202e"}


def test_texts_of_a_backend_do_not_steer_the_terminal(tmp_path):
    (tmp_path / "evil.py").write_text(
        "name, profiles = 'evil', ['float32']\ndef forward(*_, **__):\n    raise RuntimeError('evil\\x1b[2J')\n"
    )
    _, done = run(tmp_path, "--peer-backend", "evil.py", "--peer-size", "minimal", "-rA")
    assert "evil\\x1b[2J" in done
    assert "\x1b[2J" not in done
