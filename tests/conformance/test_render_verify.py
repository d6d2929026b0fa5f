"""The schema of reports, their hashes, and what ``render --check`` finds."""

from __future__ import annotations

import copy
import json
import math
import re
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from peerspec.backends import load
from peerspec.cli import main
from peerspec.conformance import check_backend, hashes
from peerspec.conformance import report_schema as own
from peerspec.conformance.check import Explored
from peerspec.conformance.finding import Finding
from peerspec.conformance.hashes import suite_hash, tree_hash
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.problems import Hint, HintKind, Problem, ProblemKind
from peerspec.conformance.render import integrity
from peerspec.conformance.render.integrity import check_integrity
from peerspec.conformance.render.json import ReportError, dumps, loads
from peerspec.conformance.render.seal import BLANK, body_holds, seal
from peerspec.conformance.report import Report
from peerspec.conformance.report_schema import problems, report_schema
from peerspec.conformance.verdict import Shortfall, VerdictKind

MUTANTS = Path(__file__).parents[1] / "mutants"
VALUES = {"expected": math.nan, "got": -math.inf, "ids": [1, 2], "name": "Q"}
PROBLEM = Problem(ProblemKind.OUT_OF_BOUND, VALUES, {"token": 1}, (Hint(HintKind.FACTOR, {"factor": 2.0}),))
FINDING = Finding(
    "a.b", ("GAT-1",), "gate", "core", "float32", Status.FAIL, 3, math.inf, Reason.VIOLATION, PROBLEM, "wrong é",
    "exact.whole", Explored("a.b", "{}"),
)  # fmt: skip
REPORT = Report("mine", ("float32",), ("float32",), True, (), False, (FINDING,), "minimal", 0, 0.5, {"spec": "0.9"})
TEXT = dumps([REPORT])
VALIDATOR = jsonschema.Draft202012Validator(report_schema())


def changes():
    """A document with each of its values replaced by others, taken away, or joined by an unknown one."""
    whole = json.loads(TEXT)
    for path in places(whole):
        for other in ("x", "", -1, 1.5, True, None, [], {}, ["x"], "Infinity"):
            yield changed(whole, path, other)
        yield changed(whole, path, ...)
    for path in [(), ("schema",), ("hashes",), ("reports", 0), ("reports", 0, "findings", 0)]:
        yield changed(whole, (*path, "unknown"), 1)


def places(value, path=()):
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*path, name)
        yield from places(part, (*path, name))


def changed(whole, path, other):
    document = copy.deepcopy(whole)
    *outer, last = path
    part = document
    for name in outer:
        part = part[name]
    if other is ...:
        del part[last]
    else:
        part[last] = other
    return document


def test_the_schema_is_valid():
    jsonschema.Draft202012Validator.check_schema(report_schema())


@pytest.mark.parametrize("name", ["routing_half_missing", "scores_with_temperature", "repeat_dropout", "gelu_by_tanh"])
def test_real_reports_of_wrong_backends_follow_the_schema(name):
    document = json.loads(dumps([check_backend(load(str(MUTANTS / f"{name}.py")), size="minimal")]))
    VALIDATOR.validate(document)


def test_a_real_report_of_a_named_backend_follows_the_schema():
    text = dumps([check_backend("reference", size="minimal")])
    VALIDATOR.validate(json.loads(text))
    assert check_integrity(text).exit_status == 0
    assert loads(text)[0].address == "reference"


def test_the_shipped_validator_and_jsonschema_agree():
    verdicts = [(not any(problems(document)), VALIDATOR.is_valid(document)) for document in changes()]
    assert all(ours == theirs for ours, theirs in verdicts)
    assert {ours for ours, _ in verdicts} == {True, False}


def test_every_keyword_of_the_schema_is_checked():
    known = {*own._RULES, *own._NOTES, "additionalProperties"}

    def keywords(part):
        yield from part
        below = [*part.get("properties", {}).values(), *part.get("$defs", {}).values(), *part.get("anyOf", ())]
        below += [part[name] for name in ("items", "additionalProperties") if isinstance(part.get(name), dict)]
        for one in below:
            yield from keywords(one)

    assert set(keywords(report_schema())) <= known


def test_the_schema_lists_every_status_reason_and_verdict():
    finding, verdict = (report_schema()["$defs"][name]["properties"] for name in ("finding", "verdict"))
    assert finding["status"]["enum"] == [*Status]
    assert finding["reason"]["enum"] == [*Reason, None]
    assert verdict["kind"]["enum"] == [*VerdictKind]
    assert verdict["shortfall"]["enum"] == [*Shortfall, None]


def test_the_body_hash_can_be_checked_in_a_line_of_any_language():
    recorded = json.loads(TEXT)["hashes"]["body"]
    assert sha256(TEXT.replace(recorded, BLANK).encode()).hexdigest() == recorded


def test_any_change_of_the_text_is_found():
    assert body_holds(TEXT)
    for position in range(0, len(TEXT) - 1, 7):
        other = "0" if TEXT[position] != "0" else "1"
        assert not body_holds(TEXT[:position] + other + TEXT[position + 1 :])
    assert not body_holds(TEXT + " ")
    assert not body_holds("{}")


def test_a_message_cannot_take_the_place_of_the_hash():
    text = dumps([replace(REPORT, backend=f'"body": "{BLANK}"')])
    assert check_integrity(text).hashes["body"] == json.loads(text)["hashes"]["body"] != BLANK


def test_a_verdict_that_contradicts_the_findings_is_found_even_with_the_right_hash():
    lie = json.loads(TEXT)
    lie["reports"][0]["verdict"] |= {"kind": "conformant", "sentence": "conformant"}
    lie["hashes"]["body"] = BLANK
    with pytest.raises(ReportError, match="'conformant', but its findings give 'not conformant: GAT-1'"):
        check_integrity(seal(json.dumps(lie, indent=1, ensure_ascii=False)))


def test_the_suite_hash_depends_on_code_and_data_outside_render_only(tmp_path):
    for name in ("a.py", "judge/b.json", "render/c.py", "__pycache__/d.py", "e.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1\n")
    whole = tree_hash({"suite": tmp_path})
    for name in ("render/c.py", "__pycache__/d.py", "e.safetensors"):
        (tmp_path / name).write_bytes(b"2\n")
    (tmp_path / "a.py").write_bytes(b"1\r\n")
    assert tree_hash({"suite": tmp_path}) == whole
    (tmp_path / "judge/b.json").write_bytes(b"2\n")
    changed = tree_hash({"suite": tmp_path})
    (tmp_path / "a.py").rename(tmp_path / "z.py")
    assert len({whole, changed, tree_hash({"suite": tmp_path})}) == 3


def test_the_suite_hash_covers_checks_clauses_and_reference():
    paths = {path for name in ("conformance", "reference") for path, _ in hashes._walk(files(f"peerspec.{name}"), name)}
    assert {"conformance/checks/gates.py", "conformance/requirements/0.9.json", "reference/selection.py"} <= paths
    assert not any("/render/" in path for path in paths)
    assert re.fullmatch("[0-9a-f]{64}", suite_hash())


@pytest.fixture
def run(tmp_path, capsys):
    def verified(text, *words):
        (tmp_path / "report.json").write_text(text, "utf-8")
        status = main(["render", "--check", str(tmp_path / "report.json"), *words])
        return status, *capsys.readouterr()

    return verified


def test_a_whole_report_is_0_and_both_hashes_are_named(run):
    status, out, err = run(TEXT)
    assert (status, err) == (0, "")
    assert "specification: the installed one" in out
    assert "suite: the installed one" in out


@pytest.mark.parametrize("name", ["spec_hash", "suite_hash"])
def test_a_report_of_another_specification_or_suite_is_1(run, monkeypatch, name):
    monkeypatch.setattr(integrity, name, lambda: BLANK)
    status, out, err = run(TEXT)
    assert (status, err) == (1, "")
    assert out.count("another than the installed one") == 1


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"seed": 0', '"seed": 1', "was changed after it was written"),
        ('"seed": 0', '"seed": "0"', "breaks its schema: the report.reports[0].seed must be of type integer"),
        ('"version": 2', '"version": 1', "this package reads"),
        ("}\n", "", "is not JSON"),
    ],
)
def test_a_changed_report_is_2_and_one_sentence(run, old, new, sentence):
    status, out, err = run(TEXT.replace(old, new))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sentence in err


def test_verify_writes_nothing(run, tmp_path):
    status, _, err = run(TEXT, "--html", str(tmp_path / "page.html"))
    assert (status, err.count("\n")) == (2, 1)
    assert not (tmp_path / "page.html").exists()
