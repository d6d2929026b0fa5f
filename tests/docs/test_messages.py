"""The page of exit statuses and messages is written from the templates, and names every command."""

from __future__ import annotations

import typer
from support.messages import ENDINGS, PAGE, page

from peerspec.cli.app import app
from peerspec.conformance.problems import FaultKind, HintKind, ProblemKind
from peerspec.conformance.sentences import HINTS, TEMPLATES


def test_the_page_of_messages_is_that_of_the_templates() -> None:
    assert PAGE.read_text("utf-8") == page(), "python tests/support/messages.py writes it"


def test_every_command_has_a_row() -> None:
    assert ENDINGS.keys() == typer.main.get_command(app).commands.keys()


def test_every_kind_has_words_and_no_words_are_left_over() -> None:
    assert TEMPLATES.keys() == {*ProblemKind, *FaultKind}
    assert HINTS.keys() == {*HintKind}
