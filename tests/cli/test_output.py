"""What a command prints: a report is never lost with it, and no text of others steers the terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.signals import heeding

from peerspec.cli import main
from peerspec.cli.judging import Judging
from peerspec.conformance import check_backend
from peerspec.conformance.render.json import dumps, loads

FEW = ("--only", "structure", "--size", "minimal")
COMMAND = (sys.executable, "-m", "peerspec")
NAME = "[/red]evil\x1b[2J\x1b]0;title\x07\u202e[bold]"
EVIL = f"""
from peerspec.backends import reference
name, profiles = {NAME!r}, ["float32"]
def forward(layer, x, **_):
    raise RuntimeError({NAME!r})
"""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


def ran(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *map(str, arguments)], check=False, stderr=subprocess.PIPE, **options)


# ---- a reader that has seen enough, and a disk that is full


@pytest.mark.parametrize(
    "arguments", [("check", "reference", *FEW), ("explain", "SEL-2"), ("list", "--cases")], ids=lambda a: a[0]
)
def test_a_closed_pipe_changes_no_status_and_tells_nothing(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = ran(*arguments, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert b"rror" not in done.stderr
    assert b"roken" not in done.stderr


@pytest.mark.parametrize("stream", ["closed pipe", "full disk"])
def test_a_report_is_written_although_nothing_can_be_printed(tmp_path, stream):
    path = tmp_path / "report.json"
    reading, writing = os.pipe()
    os.close(reading)
    if stream == "full disk":
        os.close(writing)
        writing = os.open("/dev/full", os.O_WRONLY)
    try:
        done = ran("check", "reference", *FEW, "--json", path, stdout=writing)
    finally:
        os.close(writing)
    assert [report.backend for report in loads(path.read_text("utf-8"))] == ["reference"]
    assert done.returncode == {"closed pipe": 0, "full disk": 2}[stream]
    assert (b"standard output cannot be written: No space left" in done.stderr) == (stream == "full disk")


def test_progress_that_cannot_be_written_changes_nothing():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "check", "reference", *FEW], check=False, stdout=subprocess.PIPE, stderr=full)
    assert done.returncode == 0
    assert "✓ reference" in done.stdout.decode()


def test_a_report_is_written_although_showing_it_fails(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise ZeroDivisionError("a defect of the words")

    monkeypatch.setattr(Judging, "show", broken)
    status = main(["check", "reference", *FEW, "--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")])
    assert status == 2
    assert "a defect of peerspec; please report it: ZeroDivisionError" in capsys.readouterr().err
    assert len(loads((tmp_path / "r.json").read_text("utf-8"))) == 1
    assert "<html" in (tmp_path / "r.html").read_text("utf-8")


# ---- reports to standard output


def test_a_dash_writes_the_report_to_standard_output_and_the_words_to_standard_error(peerspec):
    result = peerspec("check", "reference", *FEW, "--json", "-")
    assert result.status == 0
    assert [report.backend for report in loads(result.out)] == ["reference"]
    assert "✓ reference" in result.err


def test_check_and_render_write_the_same_page(peerspec, tmp_path):
    peerspec("check", "reference", *FEW, "--json", tmp_path / "r.json", "--html", tmp_path / "r.html")
    rendered = peerspec("render", tmp_path / "r.json", "--html", "-")
    assert rendered.out.strip() == (tmp_path / "r.html").read_text("utf-8").strip()


@pytest.mark.parametrize(
    "command", [("check", "reference", "--json", "-", "--html", "-"), ("render", "x", "--html", "-")]
)
def test_two_reports_on_standard_output_are_refused(peerspec, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text(dumps([check_backend("reference", size="minimal", only=["structure"])]), "utf-8")
    result = peerspec(*command, *(["--markdown", "-"] if command[0] == "render" else []))
    assert result.status == 2
    assert "standard output" in result.err or "the same file" in result.err


# ---- texts of others


@pytest.fixture
def evil(tmp_path: Path) -> str:
    (tmp_path / "evil.py").write_text(EVIL, "utf-8")
    return str(tmp_path / "evil.py")


def harmless(text: str) -> None:
    assert "evil" in text
    assert not CONTROL.search(text), CONTROL.search(text)
    assert "[/red]" in text, "square brackets are text"


def test_a_name_and_a_message_of_a_backend_are_text(peerspec, evil, tmp_path):
    result = peerspec("check", evil, "reference", "--size", "minimal", "--json", tmp_path / "r.json")
    assert result.status == 1
    harmless(result.out)
    assert not CONTROL.search(result.err)
    harmless(peerspec("render", tmp_path / "r.json").out)
    harmless(peerspec("smoke", evil).out)


def test_a_repro_and_its_replay_are_text(peerspec, evil, tmp_path):
    peerspec("check", evil, "--size", "minimal", "--repro", tmp_path / "repro")
    [path] = [path for path in (tmp_path / "repro").iterdir() if path.suffix == ".py"]
    result = peerspec("repro", path, evil)
    assert result.status == 1
    harmless(result.out)


def test_an_error_of_an_import_and_a_waiver_are_text(peerspec, tmp_path):
    (tmp_path / "evil.py").write_text(f"raise RuntimeError({NAME!r})", "utf-8")
    harmless(peerspec("check", tmp_path / "evil.py").err)
    waiver = {"check": "structure.answer", "reason": NAME, "url": "https://example.org/7"}
    lines = [f"{name} = {json.dumps(text)}" for name, text in waiver.items()]
    (tmp_path / "w.toml").write_text("\n".join(["[[waiver]]", *lines]), "utf-8")
    (tmp_path / "wrong.py").write_text(
        "from peerspec.backends import reference\nname, profiles = 'evil [/red]', ['float32']\n"
        "def forward(*a, **o):\n    out = reference.forward(*a, **o)\n    return type(out)(out.y[..., :0])\n"
    )
    result = peerspec("check", tmp_path / "wrong.py", *FEW, "--waivers", tmp_path / "w.toml")
    assert not CONTROL.search(result.out + result.err)
    assert "evil" in result.out


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_in_order(tmp_path, number):
    (tmp_path / "slow.py").write_text(
        "import time\nname, profiles = 'slow', ['float32']\n"
        f"def forward(*_, **__):\n    open({str(tmp_path / 'called')!r}, 'w').close()\n    time.sleep(600)\n"
    )
    command = [*COMMAND, "check", str(tmp_path / "slow.py"), "--json", str(tmp_path / "r.json"), "--timeout", "600"]
    run = subprocess.Popen(heeding(number, command), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "called").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        run.send_signal(number)
        _, errors = run.communicate(timeout=30)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 128 + number
    assert f"peerspec: ended by {number.name}; nothing was decided" in errors.decode()
    assert {path.name for path in tmp_path.iterdir()} <= {"slow.py", "called", "__pycache__"}


def test_a_run_without_a_terminal_outlives_its_end():
    """``nohup`` ignores the signal, and so does the command."""
    run = f"{' '.join(COMMAND)} check reference {' '.join(FEW)}"
    script = f"trap '' HUP; {run} & child=$!; sleep 0.2; kill -HUP $child; wait $child"
    done = subprocess.run(["sh", "-c", script], check=False, capture_output=True)
    assert done.returncode == 0
