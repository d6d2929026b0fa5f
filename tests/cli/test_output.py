"""What a command prints: a report is never lost with it, and no text of others steers the terminal."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.signals import heeding

from peerspec.backends import BackendError, reference
from peerspec.cli import main
from peerspec.cli.judging import Judging
from peerspec.conformance import check_backend
from peerspec.conformance.finding import Finding
from peerspec.conformance.journal_file import JournalFile
from peerspec.conformance.render.json import dumps, loads
from peerspec.conformance.render.seal import body_holds

FEW = ("--only", "structure", "--size", "minimal")
COMMAND = (sys.executable, "-m", "peerspec")
NAME = "[/red]evil\x1b[2J\x1b]0;title\x07\u202e[bold]"
EVIL = f"""
from peerspec.backends import reference
name, profiles = "evil [/red] é", ["float32"]
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


ONCE = """
import os
from dataclasses import replace
from pathlib import Path
from peerspec.backends import reference
if Path(__file__).with_name("opened").exists():
    raise ImportError("it can be opened only once")
Path(__file__).with_name("opened").touch()
name, profiles = "once", ["float32"]
def forward(*a, **o):
    out = reference.forward(*a, **o)
    return replace(out, y=out.y * 1.5)
"""


def test_a_report_is_written_although_the_backend_cannot_be_opened_again_for_a_repro(peerspec, tmp_path):
    (tmp_path / "once.py").write_text(ONCE, "utf-8")
    result = peerspec(
        "check", tmp_path / "once.py", "--size", "minimal", "--json", tmp_path / "r.json", "--repro", tmp_path / "repro"
    )
    assert result.status == 1
    assert result.err.count("no repro: backend") == 1
    assert "it can be opened only once" in result.err
    [report] = loads((tmp_path / "r.json").read_text("utf-8"))
    assert report.exit_status == 1


def test_a_report_is_shown_and_written_although_a_repro_has_a_defect(own, tmp_path, monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("a defect of the repro")

    monkeypatch.setattr("peerspec.conformance.repro.write_repro", broken)
    files = ["--json", str(tmp_path / "r.json"), "--repro", str(tmp_path / "repro")]
    status = main(["check", own(("everyone = (s1", "everyone = 2 * (s1")), "--size", "minimal", *files])
    found = capsys.readouterr()
    assert status == 2
    assert "✗ mine: not conformant" in found.out
    assert "a defect of peerspec; please report it: ZeroDivisionError" in found.err
    assert loads((tmp_path / "r.json").read_text("utf-8"))[0].exit_status == 1


def test_a_deep_exploration_keeps_a_failure_although_the_backend_cannot_be_opened_again(peerspec, tmp_path):
    (tmp_path / "once.py").write_text(ONCE, "utf-8")
    result = peerspec(
        "check", tmp_path / "once.py", "--size", "deep", "--minutes", "0.001", "--repro", tmp_path / "repro"
    )
    assert result.status == 1
    assert "OUT-1" in result.out
    assert "different failure" in result.out


@pytest.fixture
def full_disk(monkeypatch):
    """Syncing a file fails, as on a full disk that finds out late; the function says for which files."""
    from peerspec.files import atomic_file

    sync = atomic_file.sync_file

    def fill(part: str) -> None:
        def full(path):
            if part in path.name:
                raise OSError(28, "No space left on device")
            return sync(path)

        monkeypatch.setattr(atomic_file, "sync_file", full)

    return fill


def test_a_report_that_cannot_be_written_is_named_and_the_other_form_is_written(peerspec, tmp_path, full_disk):
    full_disk("r.json")
    result = peerspec("check", "reference", *FEW, "--json", tmp_path / "r.json", "--html", tmp_path / "r.html")
    assert result.status == 2
    assert f"peerspec: cannot write {tmp_path / 'r.json'}: No space left on device; choose a folder" in result.err
    assert "✓ reference" in result.out
    assert sorted(os.listdir(tmp_path)) == ["r.html"]


# ---- reports to standard output


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_what_goes_to_standard_output_has_the_bytes_of_the_file(evil, tmp_path, encoding):
    ran("check", evil, *FEW, "--json", tmp_path / "r.json", stdout=subprocess.PIPE)
    text = (tmp_path / "r.json").read_text("utf-8")
    assert not text.isascii()
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    for form in ("html", "markdown"):
        ran("render", tmp_path / "r.json", f"--{form}", tmp_path / form, stdout=subprocess.PIPE)
        done = ran("render", tmp_path / "r.json", f"--{form}", "-", stdout=subprocess.PIPE, env=environment)
        assert done.stdout.strip() == (tmp_path / form).read_bytes().strip()
    done = ran("check", evil, *FEW, "--json", "-", stdout=subprocess.PIPE, env=environment)
    (tmp_path / "printed.json").write_bytes(done.stdout)
    assert main(["render", str(tmp_path / "printed.json"), "--check"]) == 0


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


FORGED = "x\n✓ b: conformant"


@pytest.mark.parametrize("name", [FORGED, "", "n" * 101, "\x1b[2J", "\u202e"], ids=ascii)
def test_a_name_that_is_no_name_is_refused_by_every_door_with_the_same_words(peerspec, tmp_path, name):
    text = f"from peerspec.backends.reference import forward\nname, profiles = {name!r}, ['float32']\n"
    (tmp_path / "forged.py").write_text(text, "utf-8")
    told = [peerspec("check", tmp_path / "forged.py", *FEW).err, peerspec("smoke", tmp_path / "forged.py").out]
    pytest_ = [sys.executable, "-m", "pytest", "--pyargs", "peerspec.conformance", "--peer-backend", "forged.py"]
    told += [subprocess.run(pytest_, cwd=tmp_path, check=False, capture_output=True, text=True).stdout]
    with pytest.raises(BackendError) as caught:
        check_backend(SimpleNamespace(name=name, profiles=["float32"], forward=reference.forward), size="minimal")
    for said in (*told, str(caught.value)):
        assert "its name must be a printable text of 1 to 100 letters, got" in " ".join(said.split())
        assert "\n✓ b" not in said
        assert not CONTROL.search(said)


def test_a_report_of_others_cannot_forge_a_line(peerspec, tmp_path):
    finding = Finding("a.b", ("SCO-1",), "score", "core", "float32", "fail", 1, message=FORGED)
    report = check_backend("reference", size="minimal", only=["structure"])
    many = [replace(finding, check=f"a.{number}{FORGED}", stage=FORGED) for number in range(9)]
    report = replace(report, backend=FORGED, findings=tuple(many))
    (tmp_path / "r.json").write_text(dumps([report, report]), "utf-8")
    out = peerspec("render", tmp_path / "r.json").out
    assert "conformant" in out
    assert "\n✓" not in out


BIDIRECTIONAL = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
EVERY = "".join(map(chr, [*range(1, 32), *range(127, 160)])) + BIDIRECTIONAL


def test_no_written_form_holds_a_character_that_steers_a_screen(peerspec, tmp_path):
    finding = Finding("a.b", ("SCO-1",), "score", "core", "float32", "fail", 1, message=EVERY, repro=EVERY, case=EVERY)
    report = replace(
        check_backend("reference", size="minimal", only=["structure"]),
        backend=f"mine{EVERY}", address=EVERY, declined=(EVERY,), findings=(finding,),
    )  # fmt: skip
    source = tmp_path / "r.json"
    source.write_text(dumps([report, report]), "utf-8")
    assert loads(source.read_text("utf-8"))[0] == report
    peerspec("render", source, *(word for form in FORMS for word in (f"--{form}", tmp_path / form)))
    for path in tmp_path.iterdir():
        steering = set(path.read_text("utf-8")) & set(EVERY)
        assert steering <= {"\n"}, path
    assert body_holds(source.read_text("utf-8"))


FORMS = ("html", "junit", "markdown", "badge")


@pytest.mark.parametrize("name", ["my mine.py", "it's.py", "a;b.py"])
def test_the_command_after_a_smoke_test_can_be_pasted_into_a_shell(peerspec, own, tmp_path, name):
    path = Path(own()).rename(tmp_path / name)
    out = peerspec("smoke", path).out
    assert shlex.split(out.partition("judge it: ")[2]) == ["peerspec", "check", str(path)]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are no text")
def test_a_repro_in_a_folder_whose_name_is_no_text_is_named_for_a_shell(evil, tmp_path):
    folder = os.fsdecode(b"o\xfe")
    done = ran(
        "check", "evil.py", "--size", "minimal", "--repro", folder, "--json", "r.json", cwd=tmp_path,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    [path] = [path for path in (tmp_path / folder).iterdir() if path.suffix == ".py"]
    named = rf"$'o\xfe/{path.name}'"
    assert f"which is no Unicode text: {named}; name another folder" in done.stderr.decode()
    assert f"repro: peerspec repro {named} evil.py" in done.stdout.decode()
    [report] = loads((tmp_path / "r.json").read_text("utf-8"))
    assert {finding.repro for finding in report.findings} == {"", rf"o\udcfe/{path.name}"}
    bash = subprocess.run(["bash", "-c", f"test -f {named}"], cwd=tmp_path, check=False)
    assert bash.returncode == 0


# ---- a journal on a full disk


@pytest.mark.parametrize("size", ["minimal", "deep"])
def test_a_run_whose_journal_cannot_be_written_goes_on_without_it(peerspec, tmp_path, monkeypatch, size):
    append, rows = JournalFile._append, []

    def full(journal, row):
        rows.append(row)
        if len(rows) > 2:
            raise OSError(28, "No space left on device")
        append(journal, row)

    monkeypatch.setattr(JournalFile, "_append", full)
    options = ["--minutes", "0.001", "--profile", "float32"] if size == "deep" else ["--json", tmp_path / "r.json"]
    result = peerspec("check", "reference", "--size", size, "--resume", tmp_path / "journal", *options)
    sentence = f"peerspec: cannot write {tmp_path / 'journal'}: No space left on device; the run goes on without"
    assert (result.status, result.err.count(sentence), len(rows)) == (0, 1, 3)
    assert "✓ reference" in result.out
    assert size == "deep" or len(loads((tmp_path / "r.json").read_text("utf-8"))) == 1


def test_a_journal_that_cannot_be_begun_is_named_before_the_run(peerspec):
    result = peerspec("check", "reference", *FEW, "--resume", "/dev/full")
    assert (result.status, result.out) == (2, "")
    assert "/dev/full" in result.err
