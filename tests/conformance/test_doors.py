"""An object, a name, a program, the command and pytest give the same findings and the same verdict."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from peerspec.backends import load
from peerspec.backends.process import Command
from peerspec.cli import main
from peerspec.conformance import Finding, check_backend
from peerspec.conformance.render.json import loads

TESTS = Path(__file__).parents[1]
BACKENDS = {
    "a mutant": "mutants/heads_averaged.py",
    "a mutant without a part of its routing": "mutants/routing_half_missing.py",
    "a mutant of a gradient": "mutants/gradient_x_without_router.py",
    "a mutant with a surplus state": "mutants/state_always_returned.py",
    "a mutant that raises what it took": "mutants/supports_lies_about_many_experts.py",
    "a mutant of a mixture": "mutants/tokens_choose_dropped_choice_adds.py",
    "a variant of the layers of chapter 15": "variants/comparison_unmutated.py",
    "a variant": "variants/unmutated.py",
    "a variant without routing": "variants/without_routing.py",
    "a variant that declines": "variants/declines_gelu.py",
}
PROFILES = ("float32", "core", "select", "training", "glu", "dense", "token-choice", "expert-choice", "pkm")

PROGRAM = TESTS / "backends" / "process" / "programs" / "any_backend.py"

Row = tuple[str, str, str, str, str]


def claimed(path: str) -> list[str]:
    """The profiles of this test that the backend claims."""
    return [profile for profile in PROFILES if profile == "core" or profile in load(path).profiles]


def row(finding: Finding) -> Row:
    kind = finding.problem.kind if finding.problem else ""
    return (f"{finding.check}[{finding.precision}]", finding.status, finding.clauses[0], finding.stage, kind)


@cache
def by_object(path: str) -> tuple[list[Row], int, object]:
    report = check_backend(load(path), size="minimal", profiles=claimed(path))
    return sorted(map(row, report.findings)), report.exit_status, report.verdict


@pytest.fixture(params=BACKENDS.values(), ids=BACKENDS)
def path(request: pytest.FixtureRequest) -> str:
    return str(TESTS / request.param)


def test_a_name_gives_what_the_object_gives(path: str) -> None:
    report = check_backend(path, size="minimal", profiles=claimed(path))
    assert (sorted(map(row, report.findings)), report.exit_status, report.verdict) == by_object(path)


def test_the_command_gives_what_the_object_gives(path: str, tmp_path: Path) -> None:
    words = [word for profile in claimed(path) for word in ("--profile", profile)]
    status = main(["check", path, "--size", "minimal", "--quiet", "--json", str(tmp_path / "r.json"), *words])
    [report] = loads((tmp_path / "r.json").read_text("utf-8"))
    assert (sorted(map(row, report.findings)), status, report.verdict) == by_object(path)


def test_a_program_gives_what_the_object_gives(path: str) -> None:
    backend = Command([sys.executable, str(PROGRAM), path])
    report = check_backend(backend, size="minimal", profiles=claimed(path))
    assert (sorted(map(row, report.findings)), report.exit_status, report.verdict) == by_object(path)


def test_pytest_gives_what_the_object_gives(path: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--pyargs", "peerspec.conformance", "-q", "-p", "no:cacheprovider"]
    options = ["--peer-backend", path, "--peer-size", "minimal", "--junitxml", str(tmp_path / "r.xml")]
    options += [word for profile in claimed(path) for word in ("--peer-profile", profile)]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
    expected, status, _ = by_object(path)
    found = sorted(filter(None, map(_row, ElementTree.parse(tmp_path / "r.xml").iter("testcase"))))
    assert found == expected
    assert bool(done.returncode) == bool(status), done.stdout


def _row(item: ElementTree.Element) -> Row | None:
    """The finding of an item; None for a pass of structure.supports, which is no finding elsewhere."""
    name = item.attrib["name"]
    values = {one.attrib["name"]: one.attrib["value"] for one in item.iter("property")}
    parts = [values.get(f"peerspec.{part}", "") for part in ("status", "clause", "stage", "problem")]
    if name == "structure.supports" and parts[0] == "pass":
        return None
    return (name if "[" in name else f"{name}[]", parts[0], parts[1], parts[2], parts[3])


@pytest.mark.parametrize("name", ["answer_in_a_reused_buffer", "state_gradients_in_one_dict", "state_x_zeroed_late"])
def test_a_reused_buffer_is_found_by_every_door_but_files(name: str, tmp_path: Path) -> None:
    """Files keep what was written to them, so the program is right."""
    path = str(TESTS / "mutants" / f"{name}.py")
    expected, status, verdict = by_object(path)
    assert "IND-4" in {clause for _, found, clause, *_ in expected if found == "fail"}
    report = check_backend(path, size="minimal", profiles=claimed(path))
    assert (sorted(map(row, report.findings)), report.exit_status, report.verdict) == (expected, status, verdict)
    program = Command([sys.executable, str(PROGRAM), path])
    assert not check_backend(program, size="minimal", profiles=claimed(path)).of("fail", "error")


SURPLUS = """
def gradients(layer, x, dy, **options):
    return reference.gradients(layer, x, dy, **options) | {"experts.bias": x}
"""


def test_a_surplus_gradient_is_one_problem_with_one_clause_by_every_door(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    head = f"from peerspec.backends import reference\n{MINE}profiles = ['float32', 'training']\n"
    mine.write_text(head + SURPLUS, "utf-8")
    backends = (load(str(mine)), str(mine), Command([sys.executable, str(PROGRAM), str(mine)]))
    reports = [check_backend(backend, size="minimal", only=["gradients"], stop_early=True) for backend in backends]
    found = {row(report.causes[0]) for report in reports}
    assert found == {("gradients.structure[float32]", "fail", "GRD-1", "gradient", "gradient unknown")}
    assert {report.exit_status for report in reports} == {1}


MINE = "from peerspec.backends.reference import forward\nname, profiles = 'mine', ['float32']\n"
CLAIMS = {
    "structure.claims": "profiles = []\n",
    "structure.supports": "def supports(config, dtype): return 'not today'\n",
}


@pytest.mark.parametrize(("check", "change"), CLAIMS.items(), ids=CLAIMS)
def test_what_a_backend_claims_and_declines_is_found_by_every_door(check: str, change: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE + change, "utf-8")
    mine = str(tmp_path / "mine.py")
    reports = [check_backend(backend, size="minimal") for backend in (load(mine), mine)]
    [found], [other] = ([row(f) for f in report.of("fail")] for report in reports)
    assert found == other
    assert found[0].startswith(check)
    command = [sys.executable, "-m", "pytest", "--pyargs", "peerspec.conformance", "-q", "-p", "no:cacheprovider"]
    options = ["--peer-backend", mine, "--peer-size", "minimal", "--junitxml", str(tmp_path / "r.xml")]
    assert subprocess.run([*command, *options], cwd=tmp_path, capture_output=True).returncode == 1
    items = map(_row, ElementTree.parse(tmp_path / "r.xml").iter("testcase"))
    assert [item[1:] for item in items if item and item[1] == "fail"] == [found[1:]]


@pytest.mark.parametrize("answer", ["''", "'two\\nlines'", "'\\x1b[31mred'", "False", "None"])
def test_an_answer_of_supports_that_is_no_reason_is_an_error_by_every_door(answer: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(f"{MINE}def supports(config, dtype): return {answer}\n", "utf-8")
    for backend in (load(str(mine)), str(mine), Command([sys.executable, str(PROGRAM), str(mine)])):
        report = check_backend(backend, size="minimal", only=["structure.answer"], stop_early=True)
        assert report.exit_status == 2
        assert "printable line" in str(report.verdict)
    command = [sys.executable, "-m", "pytest", "--pyargs", "peerspec.conformance", "-q", "-p", "no:cacheprovider"]
    options = ["--peer-backend", str(mine), "--peer-size", "minimal", "-k", "structure.supports"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
    assert "1 error" in done.stdout
    assert "printable line" in done.stdout
