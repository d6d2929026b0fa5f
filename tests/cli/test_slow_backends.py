"""Slow backends: signs of life, an estimate of the time that is left, and runs that are killed and go on."""

from __future__ import annotations

import json
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peerspec.cli import progress as shown
from peerspec.cli.progress import rough
from peerspec.conformance import check_backend
from peerspec.conformance.deep import Explored, explore_deeply
from peerspec.conformance.journal_file import JournalFile
from peerspec.conformance.meter import Standing

COMMAND = [sys.executable, "-c", "import sys; from peerspec.cli import main; sys.exit(main())"]
PROGRAMS = Path(__file__).parents[1] / "backends" / "process" / "programs"
SLOW = """
import time
from peerspec.backends import reference

name, profiles = "slow", {profiles!r}

def answer(method, *arguments, **options):
    time.sleep({seconds})
    return getattr(reference, method)(*arguments, **options)

def forward(*a, **o): return answer("forward", *a, **o)
def gradients(*a, **o): return answer("gradients", *a, **o)
def select(*a, **o): return answer("select", *a, **o)
"""


@pytest.fixture
def slow(tmp_path: Path):
    """A function that writes a backend whose calls sleep, and returns its path."""

    def write(seconds: float, *profiles: str, more: str = "") -> str:
        text = SLOW.format(seconds=seconds, profiles=list(profiles)) + more
        (tmp_path / "slow.py").write_text(text, "utf-8")
        return str(tmp_path / "slow.py")

    return write


def test_there_is_a_line_from_time_to_time_without_a_terminal_also_while_one_call_takes_long(
    peerspec, slow, monkeypatch
):
    monkeypatch.setattr(shown, "HEARTBEAT", 0.2)
    more = "\nold, slow = forward, [1.0]\n"
    more += "def forward(*a, **o):\n    time.sleep(slow.pop() if slow else 0)\n    return old(*a, **o)\n"
    result = peerspec("check", slow(0, "float32", more=more), "--size", "minimal", "--only", "gates.softmax")
    lines = [line for line in result.err.splitlines() if re.search(r" (\d+) of (?!\1)\d+ cases in ", line)]
    assert len(lines) >= 3
    assert all(" of " in line and "[float32]" in line for line in lines)
    quiet = peerspec("check", slow(0, "float32", more=more), "--size", "minimal", "--only", "gates.softmax", "-q")
    assert quiet.err == ""


def test_a_case_that_takes_longer_than_all_that_was_expected_is_not_about_to_end(capsys, monkeypatch):
    monkeypatch.setattr(shown, "HEARTBEAT", 0.1)
    with shown.show_progress("slow", quiet=False) as progress:
        progress(Standing(7, 9, "a case", seconds=1.0, left=60.0))
        time.sleep(0.5)
        progress(Standing(8, 9, "the last case", seconds=1.5, left=0.0))
        time.sleep(0.5)
    lines = [line for line in capsys.readouterr().err.splitlines() if " cases in " in line]
    assert lines[0].endswith(" left, a case")
    assert lines[-1].endswith("later than expected, the last case")


def test_a_failure_is_shown_while_the_run_goes_on(peerspec, slow):
    more = "\nfrom dataclasses import replace\nold = forward\n"
    more += "def forward(*a, **o):\n    out = old(*a, **o)\n    return replace(out, y=2 * out.y)\n"
    result = peerspec("check", slow(0, "float32", more=more), "--size", "minimal")
    [line] = [line for line in result.err.splitlines() if "fails in" in line]
    assert "the run goes on" in line
    assert result.status == 1


def test_the_estimate_is_near_the_truth_and_falls(slow):
    seen: list[Standing] = []
    check_backend(slow(0.01, "float32", "training"), size="minimal", progress=seen.append)
    whole = seen[-1].seconds
    late = [standing for standing in seen if standing.left is not None and standing.seconds > 0.3 * whole]
    assert late
    near = [whole / 2 < standing.seconds + standing.left < 2 * whole for standing in late]
    assert sum(near) > 0.8 * len(near)  # other work on the machine may delay a part of the run
    thirds = [late[i].left for i in (0, len(late) // 2, -1)]
    assert thirds == sorted(thirds, reverse=True)
    assert seen[-1].left == 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.1, "a few seconds"), (44, "40 s"), (61, "1 min"), (3000, "50 min"), (9000, "2.5 h")]
)
def test_an_estimate_is_rough(seconds, words):
    assert rough(seconds) == words


def without_time(path: Path) -> str:
    """A report without its times and its own hash."""
    lines = path.read_text("utf-8").splitlines()
    return "\n".join(line for line in lines if '"seconds"' not in line and '"body"' not in line)


def lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_is_killed_again_and_again_ends_with_the_report_of_one_that_is_not(slow, tmp_path, jobs):
    bug = "\nname = 'slow ∞'\nold = select\ndef select(s1, s2, k): return old(s1[..., ::-1], s2, k)\n"
    bug += "def supports(config, dtype): return config.heads != 5 or f'no five heads in {dtype}'\n"
    backend = slow(0.002, "float32", "float64", "select", "training", "sigmoid", more=bug)
    whole, parts, journal = (tmp_path / name for name in ("whole.json", "parts.json", "journal"))
    only = [word for name in ("structure", "gates", "select", "gradients", "explore") for word in ("--only", name)]
    command = [*COMMAND, "check", backend, "--quiet", "-n", str(jobs), "--size", "default", *only]
    assert subprocess.run([*command, "--json", str(whole)]).returncode == 1
    rng = random.Random(jobs)
    for kill in range(4):
        with subprocess.Popen([*command, "--resume", str(journal)]) as running:
            enough = lines(journal) + rng.randint(3, 40)
            while running.poll() is None and lines(journal) < enough:
                time.sleep(0.002)
            running.send_signal(signal.SIGKILL)
        assert running.returncode == -signal.SIGKILL, "it was killed before its end"
        if kill == 2:
            journal.write_bytes(journal.read_bytes()[: -rng.randint(1, 20)])  # as a loss of power may leave it
    assert subprocess.run([*command, "--json", str(parts), "--resume", str(journal)]).returncode == 1
    assert without_time(parts) == without_time(whole)
    assert not journal.exists()


def interrupted(backend: str, journal: Path, *options: str) -> None:
    """A run that ends after its first cases."""
    with subprocess.Popen([*COMMAND, "check", backend, "--resume", str(journal), "-q", *options]) as running:
        end = time.monotonic() + 60
        while time.monotonic() < end and (not journal.exists() or journal.read_bytes().count(b"\n") < 3):
            time.sleep(0.02)
        running.kill()


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (["--seed", "3"], "seed was 0, now it is 3"),
        (["--size", "default"], "size was minimal, now it is default"),
        (["--profile", "float32"], "profiles was not given, now it is ['float32']"),
        ([], "contents of slow was"),
    ],
)
def test_a_journal_of_another_run_is_refused_in_one_sentence(peerspec, slow, tmp_path, options, difference):
    backend, journal = slow(0.05, "float32", "float64"), tmp_path / "journal"
    interrupted(backend, journal, "--size", "minimal")
    held = journal.read_bytes()
    if not options:
        Path(backend).write_text(Path(backend).read_text("utf-8") + "# another backend\n", "utf-8")
    result = peerspec("check", backend, "--resume", journal, "-q", "--size", "minimal", *options)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert f"{journal} is the journal of another run: {difference}" in result.err
    assert "remove the file" in result.err
    assert journal.read_bytes() == held


def test_a_file_that_is_no_journal_is_refused_and_kept(peerspec, slow, tmp_path):
    backend, notes = slow(0, "float32"), tmp_path / "notes.txt"
    for text in ("mine", "mine\n", "{}\n", '{"schema": 1, "about": {}}\n'):
        notes.write_text(text, "utf-8")
        result = peerspec("check", backend, "--resume", notes, "-q")
        assert (result.status, result.err.count("\n")) == (2, 1)
        assert "is no journal" in result.err
        assert notes.read_text("utf-8") == text


def test_a_damaged_line_in_the_middle_is_named(peerspec, slow, tmp_path):
    backend, journal = slow(0.05, "float32"), tmp_path / "journal"
    interrupted(backend, journal, "--size", "minimal")
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    for bad in ("{\n", "[]\n", '{"unit": 1, "seconds": 1}\n'):
        journal.write_text("".join([lines[0], bad, *lines[2:]]), "utf-8")
        result = peerspec("check", backend, "--resume", journal, "-q", "--size", "minimal")
        assert result.status == 2
        assert f"line 2 of {journal} is damaged" in result.err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse names of files that are not UTF-8")
@pytest.mark.parametrize("size", ["minimal", "deep"])
def test_a_backend_whose_name_is_not_utf_8_has_a_journal(peerspec, slow, tmp_path, size):
    backend, journal = f"{tmp_path}/m\udcff.py", tmp_path / "journal"
    Path(slow(0, "float32")).rename(backend)
    options = {"minimal": ("--only", "structure.answer"), "deep": ("--minutes", 0.02, "--repro", tmp_path)}[size]
    result = peerspec("check", backend, "--size", size, "--resume", journal, "-q", *options)
    assert (result.status, result.err) == (0, "")


def test_a_journal_goes_on_with_texts_that_are_not_unicode(tmp_path):
    about, rows = {"address": "m\udcff.py \\udcff"}, []
    for _ in range(2):
        journal = JournalFile(tmp_path / "journal", about, rows.append)
        journal.write({"text": "\ud800\\"})
        journal.close()
    assert [row["text"] for row in rows] == ["\\ud800\\"]


def test_only_one_backend_can_be_resumed(peerspec, tmp_path):
    result = peerspec("check", "reference", "torch", "--resume", tmp_path / "journal")
    assert (result.status, "name one backend" in result.err) == (2, True)


def test_a_call_without_an_answer_is_tried_again_when_the_run_goes_on(slow, tmp_path):
    more = "\nfrom pathlib import Path\nhang, old = Path(__file__).with_name('hang'), forward\n"
    more += "def forward(layer, x, **o):\n"
    more += "    if hang.exists() and layer.config.heads == 3: time.sleep(60)\n    return old(layer, x, **o)\n"
    backend, journal = slow(0, "float32", more=more), tmp_path / "journal"
    (tmp_path / "hang").touch()
    options = {"size": "minimal", "timeout": 1.0, "resume": journal}
    assert check_backend(backend, **options).exit_status == 2
    assert journal.exists()
    (tmp_path / "hang").unlink()
    report = check_backend(backend, **options)
    assert report.exit_status == 0, report.verdict
    assert not journal.exists()


DEEP = "\nfrom dataclasses import replace\nold = forward\ndef forward(layer, x, **o):\n    out = old(layer, x, **o)\n"
TWO_BUGS = DEEP + (
    "    if layer.config.heads == 1: return replace(out, y=out.y * 1.5)\n"
    "    if layer.config.heads > 1: raise IndexError('heads')\n    return out\n"
)


class Enough(Exception):  # noqa: N818 - ends the exploration
    pass


def test_the_size_deep_files_one_failure_of_each_kind(peerspec, slow, tmp_path):
    backend = slow(0, "float32", more=TWO_BUGS)

    def progress(found: Explored) -> None:
        if len(found.failures) == 2:
            raise Enough

    with pytest.raises(Enough):
        explore_deeply(backend, seconds=300, directory=tmp_path / "failures", progress=progress)
    files = {file.name.split("_")[1]: file for file in (tmp_path / "failures").glob("*.py")}
    assert set(files) == {"OUT-1", "CNF-4"}
    assert [peerspec("repro", file, backend).status for file in files.values()] == [1, 1]


def test_the_size_deep_finishes_its_first_round_shows_a_failure_and_says_what_it_examined(peerspec, slow, tmp_path):
    backend = slow(0, "float32", "select", more=TWO_BUGS)
    result = peerspec("check", backend, "--size", "deep", "--minutes", 0.001, "--repro", tmp_path / "failures")
    assert result.status in (1, 2)
    assert "pairs of half scores in float32" in result.out
    assert "layers in float32" in result.out
    [command] = re.findall(r"repro: peerspec (repro .*)", result.out)[:1]
    assert peerspec(*shlex.split(command)).status == result.status


def test_the_size_deep_goes_on_where_it_ended(slow, tmp_path):
    backend, journal = slow(0.001, "float32", "select"), tmp_path / "journal"
    command = [*COMMAND, "check", backend, "--size", "deep", "--resume", str(journal), "--minutes"]
    begun = time.monotonic()
    with subprocess.Popen([*command, "10"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        rows = []
        while not any(row["step"][0] for row in rows) or time.monotonic() - begun < 20:
            assert time.monotonic() - begun < 300
            time.sleep(0.5)
            rows = _rows(journal)
        running.kill()
    spent = time.monotonic() - begun
    begun = time.monotonic()
    done = subprocess.run([*command, str(spent / 60 / 2)], capture_output=True, text=True)
    assert done.returncode == 0
    assert time.monotonic() - begun < spent / 2, "the time before the interruption counts"
    layers = int(done.stdout.split(" layers in")[0].split()[-1])
    assert layers >= sum(row["examined"] for row in rows if row["step"][1] == "explore.layer")
    assert not journal.exists()


def _rows(journal):
    """The whole rows of a journal that is being written."""
    lines = journal.read_text("utf-8").split("\n")[1:-1] if journal.exists() else []
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    "command", [("check", "reference"), ("smoke", "reference"), ("verify", "m.onnx"), ("repro", "r")]
)
@pytest.mark.parametrize("seconds", ["1e10", "1e300", "inf", "1000001"])
def test_a_time_limit_that_no_system_keeps_is_one_sentence_with_the_largest(peerspec, command, seconds):
    result = peerspec(*command, "--timeout", seconds)
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert "1000000" in result.err.replace("1000001", "")


def test_the_longest_time_limit_is_kept(peerspec, tmp_path):
    program = shlex.join([sys.executable, str(PROGRAMS / "broken.py"), "right"])
    options = ("--size", "minimal", "--only", "structure.answer", "--timeout", 1_000_000, "-q")
    assert peerspec("check", "reference", "--command", program, *options).status == 0
