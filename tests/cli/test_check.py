"""The options of ``peerspec check``."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peerspec.cli import main
from peerspec.conformance.render.json import loads

FEW_CHECKS = ("--size", "minimal", "--only", "gates")
WAIVER = '[[waiver]]\ncheck = "{}"\nreason = "being mended"\nurl = "https://example.org/7"\n'


def test_several_backends_end_in_one_table_and_the_worst_status(peerspec, own):
    result = peerspec("check", "reference", own(("everyone = (s1", "everyone = 2 * (s1")), "nope", "--size", "minimal")
    table = result.out[result.out.index("worst") - 2000 :].splitlines()
    assert result.status == 2
    assert next(row.split() for row in table if row.startswith(" core")) == ["core", "✓", "✗"]
    assert next(row.split() for row in table if row.startswith(" glu")) == ["glu", "✓", "–"]
    assert "no backend is called 'nope'" in result.err


def test_a_failure_outranks_a_pass(peerspec, own):
    assert (
        peerspec("check", own(("everyone = (s1", "everyone = 2 * (s1")), "reference", *FEW_CHECKS[:2], "-q").status == 1
    )


CLAIMS_NOTHING = ('profiles = ["float32"]', "profiles = []")
TAKES_NO_TWO_HEADS = (
    "def forward",
    "def supports(config, dtype):\n    return config.heads != 2 or 'no'\n\n\ndef forward",
)


@pytest.mark.parametrize(
    ("change", "only"),
    [
        (CLAIMS_NOTHING, []),
        (TAKES_NO_TWO_HEADS, ["structure.supports"]),
        (("everyone = (s1", "everyone = 2 * (s1"), ["scores.values"]),
    ],
    ids=["claims", "supports", "sum"],
)
def test_the_command_that_repeats_a_failure_finds_it_again(peerspec, own, change, only):
    out = peerspec("check", own(change), "--size", "minimal").out
    [command] = re.findall(r"again, alone: peerspec (.*)", out)
    assert re.findall(r"--only (\S+)", command) == only
    again = peerspec(*shlex.split(command))
    assert again.status == 1
    first = re.compile(r"✗ .*nearest to the cause")
    assert first.search(again.out)[0] == first.search(out)[0]


def test_a_path_may_read_like_markup(peerspec, own, tmp_path):
    folder = tmp_path / "[bold]"
    (folder / "b").mkdir(parents=True)
    backend = Path(own(CLAIMS_NOTHING)).rename(folder / "b" / "mine.py")
    assert f"peerspec check '{backend}'" in peerspec("check", backend, "--size", "minimal").out


def test_the_json_file_holds_every_report(peerspec, tmp_path):
    path = tmp_path / "report.json"
    assert peerspec("check", "reference", "peerspec.backends.reference", *FEW_CHECKS, "--json", path).status == 0
    assert len(loads(path.read_text("utf-8"))) == 2
    assert json.loads(path.read_text("utf-8"))["schema"] == {"name": "peerspec.reports", "version": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_the_json_file_is_replaced_only_with_overwrite(peerspec, tmp_path):
    path = tmp_path / "report.json"
    path.write_text("mine")
    result = peerspec("check", "reference", *FEW_CHECKS, "--json", path)
    assert result.status == 2
    assert result.err == f"peerspec: {path} exists; name another file or pass --overwrite\n"
    assert path.read_text() == "mine"
    assert peerspec("check", "reference", *FEW_CHECKS, "--json", path, "--overwrite").status == 0
    assert len(loads(path.read_text("utf-8"))) == 1


@pytest.mark.parametrize("path", ["no/such/folder/report.json", "."])
def test_a_json_file_that_cannot_be_written_is_refused_before_the_run(peerspec, tmp_path, path):
    result = peerspec("check", "reference", *FEW_CHECKS, "--json", tmp_path / path)
    assert result.status == 2
    assert result.err.startswith("peerspec: ")
    assert "judging" not in result.err


def test_a_profile_restricts_the_run_and_the_verdict_says_so(peerspec):
    result = peerspec("check", "reference", "--size", "minimal", "--profile", "float64", "--profile", "glu")
    assert result.status == 0
    assert "holds as far as it was run" in result.out
    assert "1 checks" in result.out


def test_a_precision_alone_restricts_nothing_else(peerspec):
    whole = peerspec("check", "reference", "--size", "minimal", "--profile", "float32").out
    assert int(whole.split("\n")[1].split()[0]) > 40


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--profile", "float31"), "'float31' is no profile"),
        (("--only", "gate.s"), "no check starts with 'gate.s'"),
        (("--size", "huge"), "Invalid value for '--size': 'huge' is not one of"),
        (("--seed", "x"), "--seed"),
        (("--timeout", "0"), "--timeout"),
        (("--frobnicate",), "--frobnicate"),
        (("--waivers", "no/such/file"), "no/such/file: No such file"),
        (("--json", "/dev/null/report"), "cannot write /dev/null/report: Not a directory; choose a folder"),
        (("--repro", "/dev/null/repro"), "cannot write /dev/null/repro: Not a directory; choose a folder"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_status_2(peerspec, options, sentence):
    result = peerspec("check", "reference", "--quiet", *options)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith("peerspec: ")
    assert sentence in result.err


def test_a_waiver_accepts_a_failure_and_the_report_names_it(peerspec, own, tmp_path):
    path = own(("a * (1 + erf(a / math.sqrt(2))) / 2", "a / (1 + np.exp(-1.702 * a))"))
    (tmp_path / "waivers.toml").write_text(WAIVER.format("experts.gelu"))
    result = peerspec("check", path, "--size", "minimal", "--only", "experts", "--waivers", tmp_path / "waivers.toml")
    assert "being mended, https://example.org/7" in " ".join(result.out.split())
    assert result.status == 0


def test_a_waiver_that_is_no_longer_needed_is_an_error(peerspec, tmp_path):
    (tmp_path / "waivers.toml").write_text(WAIVER.format("gates.finite"))
    result = peerspec("check", "reference", *FEW_CHECKS, "--waivers", tmp_path / "waivers.toml")
    assert result.status == 2
    assert "its waiver is stale" in result.out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[waiver", "is not TOML"),
        ("", "must hold only [[waiver]] tables"),
        ("[[waiver]]\ncheck = 'gates.finite'\n", "must have the texts check, reason, url"),
        (WAIVER.format("gates.finite") * 2, "waives 'gates.finite' twice"),
        (WAIVER.format("gates.nothing"), "names no check"),
        ("a = " + "[" * 100_000, "is not TOML that can be read"),
        ("a = " + "{a = " * 5000, "is not TOML that can be read"),
        ("a = " + "9" * 5000, "is not TOML that can be read"),
        (f"waiver = [0x{'f' * 5000}]", "must have the texts check, reason, url"),
        ("waiver = [" + "[" * 200 + "]" * 200 + "]", "must have the texts check, reason, url"),
        ("#" * 2_000_000, "more than 1048576 bytes"),
    ],
)
def test_waivers_that_are_wrong_are_refused(peerspec, tmp_path, text, sentence):
    (tmp_path / "waivers.toml").write_text(text)
    result = peerspec("check", "reference", "--quiet", "--waivers", tmp_path / "waivers.toml")
    assert result.status == 2
    assert sentence in result.err


def test_the_first_failure_can_end_the_run(peerspec, own):
    bug = own(("everyone = (s1", "everyone = 2 * (s1"))
    assert "not conformant: SCO-1\n" in peerspec("check", bug, "--size", "minimal", "--stop-early", "-q").out


def test_an_interrupt_is_status_130(peerspec, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("peerspec.conformance.runner.check_backend", interrupted)
    result = peerspec("check", "reference", "--quiet")
    assert (result.status, result.err) == (130, "peerspec: stopped by the user; nothing was decided\n")


INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from peerspec.cli import main; sys.exit(main())"
)
"""The command with interrupts, which a shell ignores for programs in the background."""


@pytest.mark.parametrize("jobs", ["0", "-1", "1.5", "two", "", "²", "٣"])
def test_a_number_of_jobs_that_is_none_is_one_sentence(peerspec, jobs):
    result = peerspec("check", "reference", f"--jobs={jobs}")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert f"--jobs must be a number from 1 to 9999, or auto, got {jobs!r}" in result.err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_ends_every_process_at_once(tmp_path, jobs):
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, subprocess, sys, time\nname, profiles = 'slow', ['float32', 'float64']\n"
        "def forward(layer, x, **_):\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "    pathlib.Path(f'{os.getpid()}.pid').write_text(str(child.pid))\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", INTERRUPTIBLE, "check", "slow.py"]
    with subprocess.Popen([*command, "-n", jobs], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + 30
        while not (written := [*tmp_path.glob("*.pid")]) and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=15)
    assert running.returncode == 130
    assert err.splitlines() == ["judging slow.py ...", "peerspec: stopped by the user; nothing was decided"]
    assert written
    for path in written:
        assert not _runs(int(path.stem))
        assert not _runs(int(path.read_text()))


def test_an_interrupt_while_the_command_itself_is_imported_is_no_traceback(monkeypatch, capsys):
    class Interrupted:
        def __getattr__(self, name: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "peerspec.cli.entry", Interrupted())
    assert main(["check", "reference"]) == 130
    assert capsys.readouterr().err == "peerspec: stopped by the user; nothing was decided\n"


def test_an_interrupt_while_a_repro_is_made_keeps_the_report(peerspec, own, monkeypatch, tmp_path):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("peerspec.conformance.repro.write_repro", interrupted)
    bug, path = own(("everyone = (s1", "everyone = 2 * (s1")), tmp_path / "report.json"
    options = ("--size", "minimal", "-q", "--repro", tmp_path / "repros", "--json", path)
    result = peerspec("check", bug, *options)
    assert result.status == 1
    assert "peerspec: no repro: stopped by the user; the report is complete without it" in result.err
    assert json.loads(path.read_text("utf-8"))["reports"][0]["verdict"]["kind"] == "not conformant"


def _runs(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_terminal_without_unicode_gets_words(own):
    command = [sys.executable, "-c", "import sys; from peerspec.cli import main; sys.exit(main())", "check", own()]
    done = subprocess.run([*command, "--size", "minimal"], env={"PYTHONIOENCODING": "ascii"}, capture_output=True)
    assert done.returncode == 0
    assert done.stdout.startswith(b"ok mine: conformant (float32)\n")


def test_ctrl_c_during_a_hang_ends_the_worker_too(tmp_path):
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\nname, profiles = 'slow', ['float32']\n"
        "def forward(layer, x, **_):\n    pathlib.Path('pid').write_text(str(os.getpid()))\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", INTERRUPTIBLE, "check", "slow.py"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        end = time.monotonic() + 30
        while not (tmp_path / "pid").exists() and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does, also to the worker
        _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert err.splitlines() == ["judging slow.py ...", "peerspec: stopped by the user; nothing was decided"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


# ---- files that a run must not write over


def test_two_reports_into_one_file_are_refused_before_the_run(peerspec, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    for more in ([], ["--overwrite"]):
        result = peerspec(
            "check", "reference", *FEW_CHECKS, "--json", tmp_path / "r", "--html", tmp_path / "link" / "r", *more
        )
        assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
        assert f"--json and --html are the same file {tmp_path}/link/r; name another file" in result.err
    assert os.listdir(tmp_path) == ["link"]


@pytest.mark.parametrize("option", ["--resume", "--repro"])
def test_a_report_and_the_state_or_the_repros_of_its_run_are_not_one_file(peerspec, tmp_path, option):
    result = peerspec("check", "reference", *FEW_CHECKS, "--json", tmp_path / "r", option, tmp_path / "r")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert f"--json and {option} are the same file" in result.err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("option", ["--json", "--html", "--resume"])
@pytest.mark.parametrize("what", ["waivers", "backend", "module", "program", "value of an option"])
def test_a_file_that_a_run_reads_is_not_written_over(peerspec, own, tmp_path, monkeypatch, option, what):
    monkeypatch.chdir(tmp_path)
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(WAIVER.format("gates.finite"), "utf-8")
    read, backend = {
        "waivers": (waivers, ["reference", "--waivers", "waivers.toml"]),
        "backend": (Path(own()), ["./mine.py"]),
        "module": (Path(own()), ["mine:forward"]),
        "program": (Path(own()), ["--command", "python mine.py"]),
        "value of an option": (waivers, ["--command", "python --with=waivers.toml"]),
    }[what]
    before = read.read_bytes()
    result = peerspec("check", *backend, *FEW_CHECKS, option, read, "--overwrite")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert f"{option} and a file that the command reads are the same: {read}; name another file" in result.err
    assert read.read_bytes() == before
