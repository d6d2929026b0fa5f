"""What a named backend is loaded from: in its own process, from where Python finds it, the same when a run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from peerspec.conformance import check_backend
from peerspec.conformance.hosts.sources import loaded_modules
from peerspec.conformance.hosts.worker_host import WorkerHost
from peerspec.conformance.journal_file import JournalError

CORRECT = "from peerspec.backends.reference import forward\nname, profiles = 'mine', ['float32']\n"
ENDS = """
import os, signal
from pathlib import Path
from peerspec.backends.reference import forward as correct
from helper import wrong
name, profiles = "mine", ["float32"]
def forward(layer, x, **options):
    count = Path(__file__).with_name("count")
    calls = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(calls))
    if calls == 40:
        os.kill(int(os.environ["SUITE"]), signal.SIGKILL)
    assert not wrong
    return correct(layer, x, **options)
"""
SUITE = """
import os, sys
os.environ["SUITE"] = str(os.getpid())
from peerspec.conformance import check_backend
check_backend(sys.argv[1], size="minimal", resume=sys.argv[2])
"""
WITHOUT_A_FOLDER = """
import os, sys
os.rmdir(os.getcwd())
from peerspec.cli import main
sys.exit(main())
"""


def test_a_package_is_imported_in_the_process_of_the_backend_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a run goes on, and from a module of the current folder."""
    package = tmp_path / "package_of_mine"
    package.mkdir()
    note = f"import os\nwith open({str(tmp_path / 'pids')!r}, 'a') as file:\n    print(os.getpid(), file=file)\n"
    (package / "__init__.py").write_text(note)
    (package / "mine.py").write_text(CORRECT)
    monkeypatch.chdir(tmp_path)
    report = check_backend("package_of_mine.mine", size="minimal", only=["scores.index"], resume=tmp_path / "journal")
    assert report.backend == "mine"
    assert str(os.getpid()) not in (tmp_path / "pids").read_text().split()


def test_a_run_does_not_go_on_after_a_change_of_what_the_backend_imports(tmp_path: Path) -> None:
    backend, helper = tmp_path / "mine.py", tmp_path / "helper.py"
    backend.write_text(ENDS)
    helper.write_text("wrong = False\n")
    command = [sys.executable, "-c", SUITE, str(backend), str(tmp_path / "journal")]
    assert subprocess.run(command, timeout=120).returncode == -9
    assert (tmp_path / "journal").stat().st_size
    helper.write_text("wrong = True \n")
    with pytest.raises(JournalError, match="contents of helper"):
        check_backend(str(backend), size="minimal", resume=tmp_path / "journal")
    helper.write_text("wrong = False\n")
    assert check_backend(str(backend), size="minimal", resume=tmp_path / "journal").conformant


def test_a_module_of_the_current_folder_hides_none_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a namespace package, which any module of its name on the path hides."""
    installed, here = tmp_path / "installed", tmp_path / "here"
    (installed / "namespace_of_mine").mkdir(parents=True)
    here.mkdir()
    (installed / "namespace_of_mine" / "part.py").write_text("")
    (installed / "installed_backend.py").write_text(
        "import namespace_of_mine.part\n" + CORRECT + "itself = __import__(__name__)\n"
    )
    (here / "namespace_of_mine.py").write_text("raise SystemExit('the module of the current folder')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")])))
    monkeypatch.chdir(here)
    with WorkerHost("installed_backend:itself", timeout=20) as host:
        assert host.name == "mine"


def test_a_folder_that_is_gone_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    command = [
        sys.executable,
        "-c",
        WITHOUT_A_FOLDER,
        "check",
        "reference",
        "--size",
        "minimal",
        "--only",
        "scores.index",
        "-q",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    assert "reference" in done.stdout


def test_a_module_has_a_digest_of_its_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "changes_here.py").write_text("a = 1\n")
    import changes_here  # type: ignore[import-not-found]  # noqa: F401

    before = loaded_modules()
    (tmp_path / "changes_here.py").write_text("a = 2\n")
    after = loaded_modules()
    assert before.pop("changes_here") != after.pop("changes_here")
    assert before == after
    assert "peerspec" in before
    assert "json" not in before
