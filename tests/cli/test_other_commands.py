"""list, explain, render, repro, --version, and the imports of the help."""

from __future__ import annotations

import subprocess
import sys

import pytest

from peerspec.conformance.clauses import clauses
from peerspec.conformance.suite import CHECKS


def test_list_shows_every_check_with_its_clauses(peerspec):
    out = peerspec("list").out
    for check in CHECKS:
        assert check.id in out
        assert all(clause in out for clause in check.clauses)


def test_list_shows_clauses_backends_and_cases(peerspec):
    assert all(f"\n{id}  " in "\n" + peerspec("list", "--clauses").out for id in ("CFG-1", "SEL-3"))
    rows = [line.split() for line in peerspec("list", "--backends").out.splitlines()]
    assert ["reference", "peerspec.backends.reference"] in rows
    assert "numeric.million" in peerspec("list", "--cases").out
    assert peerspec("list", "--cases", "--clauses").status == 2


@pytest.mark.parametrize("id", list(clauses()))
def test_every_clause_can_be_explained(peerspec, id):
    result = peerspec("explain", id.lower())
    assert result.status == 0
    assert clauses()[id].chapter in result.out
    assert ("Decided by" in result.out) == any(id in check.clauses for check in CHECKS)


@pytest.mark.parametrize("id", [check.id for check in CHECKS])
def test_every_check_can_be_explained_and_has_a_case_in_the_minimal_size_or_later(peerspec, id):
    out = peerspec("explain", id).out
    assert "stage" in out
    assert any(size in out[out.index("Cases") :] for size in ("minimal", "default", "full"))


def test_an_unknown_identifier_is_one_sentence(peerspec):
    result = peerspec("explain", "SEL-99")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "'SEL-99' is neither a clause nor a check" in result.err


def test_a_report_is_shown_again_as_it_was(peerspec, own, tmp_path):
    path = tmp_path / "report.json"
    bug = own(("everyone = (s1", "everyone = 2 * (s1"))
    shown = peerspec("check", bug, "reference", "--size", "minimal", "--json", path)
    again = peerspec("render", path)
    assert again.status == shown.status == 1
    assert [line for line in shown.out.splitlines() if "again, alone" not in line] == again.out.splitlines()


@pytest.mark.parametrize(("text", "sentence"), [("{", "is not JSON"), ("[]", "has the schema None"), ("\xff", "JSON")])
def test_a_file_that_is_no_report_is_one_sentence(peerspec, tmp_path, text, sentence):
    (tmp_path / "report.json").write_text(text, "latin-1")
    result = peerspec("render", tmp_path / "report.json")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert str(tmp_path / "report.json") in result.err
    assert sentence in result.err


def test_a_backend_and_a_program_exclude_each_other_in_a_replay(peerspec, tmp_path):
    result = peerspec("repro", tmp_path / "found.py", "reference", "--command", "cat")
    assert (result.status, result.err) == (2, "peerspec: BACKEND and --command exclude each other; pass one of them\n")


def test_the_version_names_the_specification_too(peerspec):
    assert ", spec 0." in peerspec("--version").out


def test_without_a_command_the_help_is_shown(peerspec):
    assert "Usage: peerspec" in peerspec().out


METAVARS = {"FILE", "DIR", "BACKEND", "COMMAND", "SECONDS", "NUMBER", "NAME", "NAMES", "PREFIX", "LAYER", "MODEL", "ID"}


def commands():
    from typer.main import get_command

    from peerspec.cli.app import app

    for name, command in get_command(app).commands.items():
        for part, single in getattr(command, "commands", {"": command}).items():
            yield f"{name} {part}".strip(), single


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_words_its_options_alike(name, command):
    assert command.help.split(".")[0], name
    for parameter in command.params:
        assert parameter.metavar is None or parameter.metavar in METAVARS, f"{name} {parameter.name}"
        assert parameter.help[0].isupper(), f"{name} {parameter.name}"
        assert parameter.help.endswith("."), f"{name} {parameter.name}"


def test_the_same_option_has_the_same_text_in_every_command():
    texts: dict[str, set[str]] = {}
    for _, command in commands():
        for parameter in command.params:
            texts.setdefault(parameter.name, set()).add(f"{parameter.metavar} {parameter.help}")
    for name in ("seed", "timeout", "overwrite", "backend"):
        assert len(texts[name]) == 1, texts[name]


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from peerspec.cli import main; main(['check', '--help']); "
        "print({'numpy', 'torch', 'jax', 'onnx', 'rich.console', 'peerspec.reference'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
