"""Clauses are read whole from Markdown, and the data of earlier versions can still be read."""

from __future__ import annotations

import pytest

from peerspec.conformance.clauses import Clause, all_clauses, clause_url, clauses, find
from peerspec.conformance.requirements.blocks import flow, split_blocks
from peerspec.conformance.requirements.freeze import indexed_clauses
from peerspec.conformance.requirements.parse import parse
from peerspec.reference import PeerError
from peerspec.reference.version import SITE

WHOLE = """\
# Title

Explanation before.

## 1 First

<a id="AAA-1"></a>**AAA-1** All MUST hold
on two lines:

| a | b |
|---|---|
| 1 | 2 |

- *One.* An item
  on two lines.
- Another.

  x = y  (1)

```text
code

more code
```

A last paragraph.

*Why.* A reason
on two lines.

Explanation after.

<a id="AAA-2"></a>**AAA-2** *Theorem.* It holds.

*Proof.* Because

  x ≤ y,

it does. ∎

A remark.

*Why this.* Because.

*Why not that.* It fails.

---

Between.

<a id="BBB-1"></a>**BBB-1** Short.

*Note.* Noted.

*Example.* As here:

```python
>>> 1

```

```python
>>> 2
```

## 2 Second

Unowned, MUST.

<a id="BBB-2"></a>**BBB-2** *Superseded by AAA-1.* In 0.9: Old.
"""
ONE, TWO, SHORT, OLD = parse(WHOLE, "SPEC-ONNX.md")


def test_a_clause_holds_its_tables_lists_formulas_and_code_in_their_lines() -> None:
    assert ONE.text.split("\n\n", 3) == [
        "All MUST hold on two lines:",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "- *One.* An item on two lines.\n- Another.",
        "  x = y  (1)\n\n```text\ncode\n\nmore code\n```\n\nA last paragraph.",
    ]
    assert (ONE.id, ONE.chapter, ONE.document) == ("AAA-1", "1 First", "SPEC-ONNX.md")


def test_a_reason_ends_the_text_and_what_follows_belongs_to_no_clause() -> None:
    assert (ONE.why_label, ONE.why) == ("Why", "A reason on two lines.")
    assert not any("Explanation" in f"{clause.text}{clause.why}{clause.notes}" for clause in (ONE, TWO, SHORT, OLD))


def test_a_proof_goes_on_to_its_end_and_reasons_with_their_labels_may_follow() -> None:
    assert (TWO.text, TWO.why_label) == ("*Theorem.* It holds.", "Why this")
    assert TWO.why == "Because.\n\n*Why not that.* It fails."
    assert TWO.notes == ("*Proof.* Because\n\n  x ≤ y,\n\nit does. ∎",)


def test_notes_and_examples_with_their_code_belong_to_the_clause_and_other_examples_do_not() -> None:
    assert SHORT.text == "Short."
    assert SHORT.notes == ("*Note.* Noted.", "*Example.* As here:\n\n```python\n>>> 1\n\n```")


def test_a_superseded_clause_names_the_one_that_replaced_it() -> None:
    assert (OLD.text, OLD.superseded_by, OLD.chapter) == ("In 0.9: Old.", "AAA-1", "2 Second")
    assert not ONE.superseded_by


def test_classes_profiles_and_judges_come_from_the_index_of_any_document() -> None:
    index = "| [AAA-2](X.md#AAA-2) | layer, reader | core, query-norm | `a.b`, `tests/c.py::test_d` |"
    found = indexed_clauses({"SPEC.md": index, "X.md": WHOLE})
    assert [clause.classes for clause in found] == [(), ("layer", "reader"), (), ()]
    assert found[1].profiles == ("core", "query-norm")
    assert found[1].judged_by == ("a.b", "tests/c.py::test_d")


def test_a_summary_is_the_first_paragraph_and_ends_with_a_sentence() -> None:
    def summary(text: str) -> str:
        return Clause("AAA-1", "1", text).summary

    assert summary("One. Two.\n\nThree.") == "One. Two."
    assert summary("One. Two:\n\n- three") == "One."
    assert summary("One:\n\n- two") == "One:"


def test_the_items_of_a_numbered_list_and_of_a_list_in_a_list_keep_their_lines() -> None:
    assert flow("1. one\n   more\n10. two\n    - three\n      more") == "1. one more\n10. two\n    - three more"


def test_blank_lines_separate_blocks_and_code_that_is_not_closed_goes_on_to_the_end() -> None:
    assert split_blocks("\n\na\n \nb\n\n\n```\nc\n\nd") == ["a", "b", "```\nc\n\nd"]


def test_every_clause_has_an_address_of_its_own_in_its_document() -> None:
    urls = [clause_url(id) for id in all_clauses()]
    assert len(set(urls)) == len(urls)
    assert clause_url("SEL-1") == f"{SITE}spec.html#SEL-1"
    assert clause_url("ONX-1") == f"{SITE}spec-onnx.html#ONX-1"
    assert clause_url("<b>") == ""


def test_the_clauses_of_the_version_before_can_be_read() -> None:
    assert {"PAR-2", "ONX-6"} <= clauses("0.9").keys()
    assert clauses("0.9").keys() <= all_clauses().keys(), "an identifier is never removed"


def test_an_unknown_clause_is_one_sentence() -> None:
    assert find("PAR-2").superseded_by == "PAR-5"
    with pytest.raises(PeerError, match=r"^NEW-1 is no clause of SPEC\.md .*; `peerspec list --clauses` shows all"):
        find("NEW-1")
