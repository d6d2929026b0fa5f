"""list, explain, render, repro, --version, and the imports of the help."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections import Counter

import pytest
from rich.cells import cell_len
from rich.console import Console

from peerspec.cli.markdown import show_markdown
from peerspec.conformance.clauses import all_clauses, clause_url, clauses
from peerspec.conformance.render.clause_link import clause_link
from peerspec.conformance.suite import CHECKS
from peerspec.reference import SPEC_VERSION


def test_list_shows_every_check_with_its_clauses(peerspec):
    out = peerspec("list").out
    for check in CHECKS:
        assert check.id in out
        assert all(clause in out for clause in check.clauses)


def test_list_shows_clauses_backends_and_cases(peerspec):
    assert all(f"\n{id}  " in "\n" + peerspec("list", "--clauses").out for id in ("CFG-1", "SEL-3"))
    in_force, _, superseded = peerspec("list", "--clauses").out.partition("Superseded, and no longer in force:")
    assert "\nPAR-2 " not in in_force
    assert "\nPAR-2   by PAR-5" in superseded
    backends = " ".join(peerspec("list", "--backends").out.split())
    assert "reference peerspec.backends.reference NumPy, in float64" in backends
    for name in ("torch-cuda", "jax-cuda"):
        assert (
            f"does not run here: {name} needs an NVIDIA GPU" in backends
            or f"backends.{name[:-5]}.cuda Triton" in backends
        )
    assert "numeric.million" in peerspec("list", "--cases").out
    assert peerspec("list", "--cases", "--clauses").status == 2


@pytest.mark.parametrize("id", list(clauses()))
def test_every_clause_can_be_explained(peerspec, id):
    result = peerspec("explain", id.lower())
    assert result.status == 0
    assert clauses()[id].chapter in result.out
    assert clauses()[id].text in result.out
    assert f"*{clauses()[id].why_label}.* {clauses()[id].why}" in result.out or not clauses()[id].why
    assert ("Decided by" in result.out) == any(id in check.clauses for check in CHECKS)
    reasons = ("tests/", "Not judged: ", "Decided by")
    assert any(reason in result.out for reason in reasons)


@pytest.mark.parametrize("id", [id for id, clause in all_clauses().items() if clause.superseded_by])
def test_a_superseded_clause_is_explained_by_its_old_text_and_the_clause_that_replaced_it(peerspec, id):
    out = peerspec("explain", id).out
    assert f"no longer in force: {all_clauses()[id].superseded_by} replaced it" in out
    assert all_clauses()[id].text in out
    assert "Decided by" not in out


def test_the_table_of_the_bounds_and_the_proof_of_the_theorem_are_explained(peerspec):
    assert "| exp | 8u, relative |" in peerspec("explain", "PRC-4").out
    assert "∎" in peerspec("explain", "THM-1").out


def on_terminal(text, *, width=60):
    console = Console(force_terminal=True, width=width, color_system="standard", file=io.StringIO())
    show_markdown(text, console)
    written = console.file.getvalue()
    return written, re.sub(r"\x1b(?:\[[0-9;]*m|\]8;[^\x1b]*\x1b\\)", "", written)


def test_a_terminal_gets_drawn_tables_lists_and_links_to_clauses_in_its_width():
    text = clauses()["PRC-4"].text + "\n\n  a formula  (1)\n\nSEL-1 and `SEL-2`, see [bounds](docs/other.md)."
    written, seen = on_terminal(text)
    assert "|---|" not in seen
    assert re.search(r"^ *exp +8u, relative *$", seen, re.MULTILINE)
    assert "\n  a formula  (1)\n" in seen
    assert max(map(cell_len, seen.splitlines())) <= 60
    assert f";{clause_url('SEL-1')}\x1b" in written
    assert clause_url("SEL-2") not in written, "code is no link"
    assert "docs/other.md" not in written, "a file beside SPEC.md has no address here"


def words(text):
    return Counter(re.findall(r"\w+", text))


CODE = re.compile(r"^```\w*$(.*?)^```$", re.MULTILINE | re.DOTALL)
LOCAL_LINK = re.compile(r"\]\((?!https?:)[^)]*\)")


NARROW = pytest.mark.parametrize("width", [40, 60, 80])


@NARROW
@pytest.mark.parametrize("id", list(all_clauses()))
def test_a_narrow_terminal_shows_every_word_of_a_clause(id, width):
    clause = all_clauses()[id]
    for text in (clause.text, clause.why, *clause.notes):
        _, seen = on_terminal(text, width=width)
        assert not words(CODE.sub("", LOCAL_LINK.sub("", text))) - words(seen)
        for code in CODE.findall(text):  # a line of code is not divided at words
            assert "".join(code.split()) in "".join(seen.split())
        assert max(map(cell_len, seen.splitlines()), default=0) <= width


@NARROW
def test_lists_show_every_identifier_and_every_word_in_a_narrow_terminal(peerspec, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    checks, in_force = peerspec("list").out, peerspec("list", "--clauses").out
    for check in CHECKS:
        assert re.search(rf"^{re.escape(check.id)} ", checks, re.MULTILINE)
    assert not sum((words(f"{check.profile} {check.summary}") for check in CHECKS), Counter()) - words(checks)
    assert not sum((words(f"{id} {clause.summary}") for id, clause in clauses().items()), Counter()) - words(in_force)
    for out in (checks, in_force, peerspec("list", "--backends").out, peerspec("list", "--cases").out):
        assert max(map(cell_len, out.splitlines())) <= width


@NARROW
@pytest.mark.parametrize("id", ["GRD-1", "PRC-4", "IND-3"])
def test_the_checks_of_a_clause_keep_their_names_in_a_narrow_terminal(peerspec, monkeypatch, id, width):
    monkeypatch.setenv("COLUMNS", str(width))
    out = peerspec("explain", id).out
    decided = out[out.index("Decided by") :]
    for check in CHECKS:
        if id in check.clauses:
            assert re.search(rf"^  {re.escape(check.id)}\s", decided, re.MULTILINE)
            assert not words(check.summary) - words(decided)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_without_styles_gets_no_links(environment):
    console = Console(force_terminal=True, file=io.StringIO(), _environ=environment)
    console.print(clause_link("SEL-1", "bold"))
    assert console.file.getvalue() == "SEL-1\n"


@pytest.mark.parametrize("id", [check.id for check in CHECKS])
def test_every_check_can_be_explained_and_has_a_case_in_the_minimal_size_or_later(peerspec, id):
    out = peerspec("explain", id).out
    assert "stage" in out
    assert any(size in out[out.index("Cases") :] for size in ("minimal", "default", "full"))


def test_an_unknown_identifier_is_one_sentence(peerspec):
    result = peerspec("explain", "SEL-99")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "no clause and no check holds 'SEL-99'" in result.err


def test_a_report_is_shown_again_as_it_was(peerspec, own, tmp_path):
    path = tmp_path / "report.json"
    bug = own(("everyone = (s1", "everyone = 2 * (s1"))
    shown = peerspec("check", bug, "reference", "--profile", "float32", "--size", "minimal", "--json", path)
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
    assert f", spec {SPEC_VERSION}\n" in peerspec("--version").out


def test_without_a_command_the_help_is_shown(peerspec):
    assert "Usage: peerspec" in peerspec().out


METAVARS = {"FILE", "DIR", "BACKEND", "COMMAND", "SECONDS", "NUMBER", "NAME", "NAMES", "PREFIX", "LAYER", "MODEL", "ID"}
METAVARS |= {"OUT", "LAYOUT", "NAME=VALUE"}


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


def test_words_find_the_clauses_and_checks_that_hold_them(peerspec):
    result = peerspec("explain", "GELU")
    found = [line.split()[0] for line in result.out.splitlines() if line[:1].strip()]
    assert (result.status, found[:2]) == (0, ["CFG-5", "ACT-1"])
    assert {"experts.gelu", "experts.gelu_tanh"} <= set(found)


@pytest.mark.parametrize("command", ["", "check", "export"])
def test_help_is_a_command_too(peerspec, command):
    assert peerspec("help", *command.split()) == peerspec(*command.split(), "--help")


def test_a_list_of_backends_names_those_of_others_and_does_not_load_them(peerspec, tmp_path, monkeypatch):
    folder = tmp_path / "other-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[peerspec.backends]\nother = loaded_by_a_list\n")
    (tmp_path / "loaded_by_a_list.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    result = peerspec("list", "--backends")
    assert ["other", "loaded_by_a_list"] in [line.split() for line in result.out.splitlines()]
    assert not (tmp_path / "loaded").exists()
