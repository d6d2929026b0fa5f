"""JUnit XML, Markdown and badges, and the command that writes them."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from peerspec.cli import main
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Level, Status
from peerspec.conformance.problems import Hint, Problem
from peerspec.conformance.render.badge import badge
from peerspec.conformance.render.html import page
from peerspec.conformance.render.json import dumps, loads
from peerspec.conformance.render.junit import junit
from peerspec.conformance.render.markdown import markdown
from peerspec.conformance.render.table import show_table
from peerspec.conformance.render.terminal import show, show_verdict
from peerspec.conformance.report import Report

PASSED = Finding("gates.softmax", ("GAT-1",), "gate", "core", "float32", Status.PASS, 3, 0.5)
FAILED = replace(PASSED, status=Status.FAIL, share=2e6, message="it is | wrong", case="exact.whole")
OTHERS = tuple(
    replace(FAILED, status=status, message="reason") for status in (Status.ERROR, Status.NOT_CLAIMED, Status.WAIVED)
)
REPORT = Report(
    "mine", ("float32",), ("float32",), True, (), False, (PASSED,), "minimal", 0, 0.5, {"spec": "0.9"}, "m.py"
)
BROKEN = replace(REPORT, findings=(PASSED, FAILED))
ON_BASE = replace(REPORT, level=Level.BASE)
HOSTILE = "<script>\x00\x1b[31m]]>&\ud800\n```\n# |"


def test_junit_counts_what_it_holds():
    suite = ElementTree.fromstring(junit([replace(REPORT, findings=(PASSED, FAILED, *OTHERS))]))[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["5", "1", "1", "2"]
    cases = suite.findall("testcase")
    assert [[part.tag for part in case] for case in cases] == [[], ["failure"], ["error"], ["skipped"], ["skipped"]]
    assert cases[1].get("classname") == "mine.gate"
    assert cases[1].get("name") == "gates.softmax[float32]"
    failure = cases[1][0]
    assert failure.get("type") == "GAT-1"
    assert failure.get("message") == "it is | wrong"
    assert "softmax of its k selected scores" in failure.text
    assert "peerspec check m.py --only gates.softmax --profile float32 --size minimal --seed 0" in failure.text


def test_junit_is_xml_whatever_a_report_says():
    report = replace(BROKEN, backend=HOSTILE, findings=(replace(FAILED, message=HOSTILE, clauses=(HOSTILE,)),))
    suite = ElementTree.fromstring(junit([report]))[0]
    assert suite.get("name").startswith(r"<script>\x00\x1b[31m]]>&\ud800")


def test_markdown_shows_verdict_failure_and_command():
    text = markdown([BROKEN, REPORT])
    assert "| verdict | ✗ not conformant | ✓ conformant |" in text
    assert "| float32 | ✗ | ✓ |" in text
    assert "it is | wrong\ncase exact.whole, float32\npeerspec check m.py" in text
    assert text.endswith("finitely many inputs._\n")


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("values", [{}, {"bound": 0.5}, {"expected": None, "got": "far", "bound": [1]}, {"raised": 3}])
@pytest.mark.parametrize("precision", ["float32", ""])
def test_every_form_shows_a_problem_of_a_newer_suite(status, values, precision):
    problem = Problem("new kind", values, {"new axis": [1, "a"]}, (Hint("new hint", {"new": True}),))
    new = replace(FAILED, check="new.check", stage="new", precision=precision, status=status, problem=problem)
    [report] = loads(dumps([replace(REPORT, findings=(PASSED, new))]))
    console = Console(file=io.StringIO())
    show(report, console)
    texts = [page([report]), junit([report])]
    texts += [markdown([report]), console.file.getvalue()] if status in (Status.FAIL, Status.ERROR) else []
    assert all("new" in text and "check" in text for text in texts)
    assert json.loads(badge([report]))["label"] == "PEER"


def test_markdown_of_many_failures_is_short():
    findings = tuple(replace(FAILED, check=f"a.b{n}") for n in range(9))
    assert markdown([replace(REPORT, findings=findings)]).count("```text") == 3


def test_markdown_escapes_names_and_fences_messages():
    text = markdown([replace(BROKEN, backend="a|<b>`c`", findings=(replace(FAILED, message="````\n<b>"),))])
    assert "| a\\|\\<b\\>\\`c\\` |" in text
    assert "`````text\n```` <b>\n" in text


@pytest.mark.parametrize(
    ("reports", "message", "color"),
    [
        ([REPORT], "conformant", "brightgreen"),
        ([BROKEN], "not conformant", "red"),
        ([replace(REPORT, partial=True)], "partial run", "yellow"),
        ([replace(BROKEN, partial=True)], "not conformant", "red"),
        ([replace(REPORT, findings=OTHERS)], "no verdict", "lightgrey"),
        ([REPORT, BROKEN], "1 of 2 conformant", "red"),
        ([REPORT, replace(REPORT, partial=True)], "1 of 2 conformant", "yellow"),
        ([REPORT, ON_BASE], "2 of 2 conformant, 1 at level base", "brightgreen"),
        ([ON_BASE], "conformant, level base", "brightgreen"),
    ],
)
def test_a_badge_says_the_verdict(reports, message, color):
    assert json.loads(badge(reports)) == {"schemaVersion": 1, "label": "PEER", "message": message, "color": color}


def on_terminal(form):
    console = Console(file=io.StringIO(), width=100)
    form(console)
    return console.file.getvalue()


FORMS = {
    "terminal": lambda report: on_terminal(lambda console: show(report, console)),
    "verdict": lambda report: on_terminal(lambda console: show_verdict(report, console)),
    "table": lambda report: on_terminal(lambda console: show_table([report, REPORT], console)),
    "html": lambda report: page([report]),
    "markdown": lambda report: markdown([report]),
    "junit": lambda report: junit([report]),
    "badge": lambda report: badge([report]),
    "json": lambda report: dumps([report]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_names_the_level_base(form):
    assert "level base" in FORMS[form](ON_BASE)
    assert "level base" not in FORMS[form](REPORT)


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(dumps([BROKEN]), "utf-8")
    return path


def test_the_command_writes_every_form_and_keeps_the_status_of_the_report(report, tmp_path, capsys):
    names = {form: tmp_path / f"r.{form}" for form in ("html", "junit", "markdown", "badge")}
    words = [word for form, path in names.items() for word in (f"--{form}", str(path))]
    assert main(["render", str(report), *words]) == 1
    assert capsys.readouterr().out == "".join(f"wrote {path}\n" for path in names.values())
    starts = {form: path.read_text("utf-8")[:9] for form, path in names.items()}
    assert starts == {"html": "<!doctype", "junit": "<?xml ver", "markdown": "## PEER c", "badge": '{"schemaV'}


def test_an_existing_file_is_not_replaced_and_then_nothing_is_written(report, tmp_path, capsys):
    (tmp_path / "page.html").write_text("precious")
    words = ["render", str(report), "--badge", str(tmp_path / "b.json"), "--html", str(tmp_path / "page.html")]
    assert main(words) == 2
    assert "pass --overwrite" in capsys.readouterr().err
    assert (tmp_path / "page.html").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "page.html"}
    assert main([*words, "--overwrite"]) == 1
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")


def test_the_report_is_never_written_over(report, capsys):
    before = report.read_text("utf-8")
    assert main(["render", str(report), "--html", str(report), "--overwrite"]) == 2
    assert "are the same" in capsys.readouterr().err
    assert report.read_text("utf-8") == before


def test_a_report_without_backends_is_one_sentence(report, capsys):
    report.write_text(dumps([]), "utf-8")
    assert main(["render", str(report), "--html", str(report.with_name("r.html"))]) == 2
    assert "no backend could be loaded" in capsys.readouterr().err
