"""The page: its content, that it is self-contained, and that no text of a report can act."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.clauses import clause_url, clauses
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.problems import Problem, ProblemKind
from peerspec.conformance.render.html import page
from peerspec.conformance.render.outcomes import NOT_DECIDED, clause_outcomes, profile_outcome
from peerspec.conformance.render.scale import Scale, brief
from peerspec.conformance.report import Report
from peerspec.reference.version import SITE

MUTANTS = Path(__file__).parents[1] / "mutants"
CLAIMED = ("float32", "select")
PASSED = Finding("gates.softmax", ("GAT-1", "PRC-2"), "gate", "core", "float32", Status.PASS, 3, 0.5)
PROBLEM = Problem(ProblemKind.OUT_OF_BOUND, {"expected": 1.25, "got": -math.inf, "bound": 0.5}, {"token": 2, "head": 1})
FAILED = replace(
    PASSED, check="scores.values", clauses=("SCO-1", "PRC-5"), stage="score", status=Status.FAIL, share=2e6,
    message="the score is <b>wrong</b> & more", case="exact.whole", reason=Reason.VIOLATION, problem=PROBLEM,
)  # fmt: skip
BLOCKED = replace(FAILED, check="output.sum", stage="accumulation", reason=Reason.BLOCKED)
REPORT = Report(
    "mine", CLAIMED, ("float32",), True, (), False, (PASSED,), "minimal", 7, 0.5, {"spec": "0.9"}, "m.py:x y"
)
BROKEN = replace(REPORT, findings=(PASSED, FAILED, BLOCKED))
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"


class Elements(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def spoken(text: str) -> str:
    return " ".join(Elements(text.replace("</t", " </t")).text.split())


def test_two_backends_of_one_name_are_shown_with_their_addresses():
    other = replace(BROKEN, address="folder/other.py:x")
    text = page([BROKEN, other])
    headings = re.findall(r'<h3 id="b\d+-failures">(.*?)</h3>', text)
    assert [spoken(heading) for heading in headings] == ["mine m.py:x y", "mine folder/other.py:x"]
    assert "folder/<wbr>other.py:<wbr>x" in headings[1], "a narrow column breaks it between its parts"
    assert "<small>" not in page([BROKEN]).partition("-failures")[2].partition("</h3>")[0]


def test_a_failure_shows_clause_numbers_place_case_and_command():
    said = spoken(page([BROKEN]))
    for part in (
        clauses()["SCO-1"].summary, "the score is <b>wrong</b> & more", "expected 1.25", "got −∞", "bound 0.5", "2e6",
        "token 2, head 1", "exact.whole", "nearest to the cause", "not conformant: SCO-1",
        "peerspec check 'm.py:x y' --only scores.values --profile float32 --size minimal --seed 7",
        "1 further check was blocked by these failures", "output.sum[float32]",
    ):  # fmt: skip
        assert part in said, part


def test_the_same_failure_in_other_precisions_is_a_row_each_and_a_repro_is_named():
    seen = [
        replace(FAILED, precision="float64"),
        replace(FAILED, precision="float16", problem=None, message="all wrong"),
    ]
    findings = (replace(FAILED, repro="repro_SCO-1_ab.safetensors"), *seen)
    said = spoken(page([replace(BROKEN, findings=findings)]))
    assert "float64 exact.whole 1.25 −∞ 0.5 2e6 token 2, head 1" in said
    assert "float16 exact.whole all wrong" in said
    assert "repro_SCO-1_ab.safetensors" in said


def test_every_text_of_a_report_is_escaped():
    values = {"expected": HOSTILE, "got": HOSTILE, "bound": HOSTILE, "raised": HOSTILE}
    finding = Finding(
        HOSTILE, (HOSTILE,), HOSTILE, HOSTILE, "float32", Status.FAIL, 1, 2.0, message=HOSTILE, case=HOSTILE,
        problem=Problem(HOSTILE, values, {HOSTILE: HOSTILE}), waiver=HOSTILE, repro=HOSTILE,
    )  # fmt: skip
    report = replace(
        REPORT, backend=HOSTILE, address=HOSTILE, declined=(HOSTILE,), versions={HOSTILE: HOSTILE, "spec": HOSTILE},
        findings=(finding, replace(finding, status=Status.WAIVED), replace(finding, status=Status.ERROR)),
    )  # fmt: skip
    elements = Elements(page([report, report], {"spec": HOSTILE, "suite": HOSTILE, "body": HOSTILE}))
    assert not {tag for tag, _ in elements.tags} & {"script", "img", "b"}
    assert not any(name.startswith("on") for _, attributes in elements.tags for name in attributes)
    assert elements.text.count(HOSTILE) > 20


def test_the_page_requests_nothing_and_has_no_script():
    text = page([BROKEN])
    elements = Elements(text)
    assert "script" not in {tag for tag, _ in elements.tags}
    for tag, attributes in elements.tags:
        for name in ("src", "href", "action", "xlink:href"):
            address = attributes.get(name) or "#"
            assert address[0] == "#" or address == "data:," or (tag == "a" and address.startswith(SITE))
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_a_broken_clause_and_the_clauses_of_the_page_link_to_their_whole_text():
    tags = Elements(page([BROKEN])).tags
    addresses = [attributes.get("href") for tag, attributes in tags if tag == "a"]
    assert addresses.count(clause_url("SCO-1")) == 2
    assert addresses.count(clause_url("PRC-2")) == 1


def test_every_link_has_a_target_and_every_anchor_is_unique():
    tags = Elements(page([BROKEN, BROKEN, REPORT])).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = {str(a.get(k)) for _, a in tags for k in ("aria-labelledby",) if k in a}
    links = {str(a["href"])[1:] for _, a in tags if str(a.get("href", "")).startswith("#")}
    assert links | named <= set(ids)


def test_no_level_of_headings_is_left_out():
    levels = [int(tag[1]) for tag, _ in Elements(page([BROKEN, REPORT])).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_heads_have_scopes_and_pictures_have_words():
    twice = replace(BROKEN, findings=(*BROKEN.findings, replace(FAILED, precision="float64")))
    tags = Elements(page([twice, REPORT])).tags
    names = [tag for tag, _ in tags]
    assert names.count("table") == names.count("caption") == 4
    assert all("scope" in attributes for tag, attributes in tags if tag == "th")
    pictures = [after for (tag, a), (after, _) in pairwise(tags) if tag == "svg" and a.get("aria-hidden") != "true"]
    assert pictures
    assert set(pictures) == {"title"}
    assert {"main", "header", "nav", "footer"} <= set(names)


@pytest.mark.parametrize(
    ("finding", "outcomes"),
    [
        (PASSED, {"GAT-1": Status.PASS, "PRC-2": Status.PASS}),
        (replace(PASSED, status=Status.FAIL, message="wrong"), {"GAT-1": Status.FAIL, "PRC-2": NOT_DECIDED}),
        (
            replace(PASSED, status=Status.FAIL, clauses=("PRC-2", "GAT-1"), message="wrong"),
            {"GAT-1": NOT_DECIDED, "PRC-2": Status.FAIL},
        ),
        (replace(PASSED, status=Status.WAIVED, message="wrong"), {"GAT-1": Status.WAIVED, "PRC-2": NOT_DECIDED}),
        (replace(PASSED, status=Status.ERROR), {"GAT-1": Status.ERROR, "PRC-2": Status.ERROR}),
        (replace(PASSED, status=Status.NOT_CLAIMED), {"GAT-1": Status.NOT_CLAIMED, "PRC-2": Status.NOT_CLAIMED}),
        (
            replace(PASSED, status=Status.FAIL, clauses=("SCO-1", "GAT-1"), reason=Reason.BLOCKED),
            {"GAT-1": NOT_DECIDED, "PRC-2": NOT_DECIDED, "PRC-4": NOT_DECIDED},
        ),
    ],
)
def test_a_failure_breaks_one_clause_and_leaves_the_others_undecided(finding, outcomes):
    found = clause_outcomes(replace(REPORT, findings=(FAILED, finding)), "gate")
    assert found == outcomes


def test_the_most_severe_outcome_of_a_clause_counts():
    low = replace(PASSED, precision="float16", status=Status.FAIL, message="wrong")
    assert clause_outcomes(replace(REPORT, findings=(PASSED, low)), "gate")["GAT-1"] == Status.FAIL


def test_the_outcome_of_a_profile_depends_on_the_precision():
    report = replace(REPORT, claimed=("float32", "float16", "select"), findings=(PASSED, BLOCKED, FAILED))
    assert profile_outcome(report, "core", "float32") == Status.FAIL
    assert profile_outcome(report, "core", "float16") == "in another precision"
    assert profile_outcome(report, "core", "float64") == profile_outcome(report, "glu", "float32") == Status.NOT_CLAIMED
    assert (
        profile_outcome(replace(report, findings=(FAILED, replace(BLOCKED, profile="select"))), "select", "float32")
        == NOT_DECIDED
    )


@pytest.mark.parametrize(
    "shares", [(), (0.0,), (math.inf,), (1e-9, 0.3), (0.5, 3.0), (1e300,), (5e-324, 1e308, math.nan)]
)
def test_the_axis_shows_every_share_in_order_with_1_inside(shares):
    report = replace(REPORT, findings=tuple(replace(PASSED, share=share) for share in shares))
    scale = Scale.of([report])
    places = [scale.at(share) for share in (0.0, 1e-300, 0.5, 1.0, 2.0, 1e300, math.inf)]
    assert places == sorted(places)
    assert scale.at(0.9) < scale.at(1.0) < scale.at(1.1)
    assert 0 < places[0] < places[1]
    assert places[-2] < places[-1] < 100
    for most in (2, 3, 8):
        ticks = scale.ticks(most)
        assert (scale.at(1.0), 0, True) in ticks
        assert len(ticks) <= most + 2


def test_shares_are_brief():
    assert [brief(share) for share in (0.0, 0.98, 12.0, 1.3e12, 2.4e-7, math.inf)] == [
        "0",
        "0.98",
        "12",
        "1.3e12",
        "2.4e-7",
        "∞",
    ]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_has_enough_contrast(scheme):
    css = files("peerspec.conformance.render").joinpath("report.css").read_text("utf-8")
    block = css.split("prefers-color-scheme: dark")[scheme].split("@media")[0]
    colour = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    pairs = [(ink, ground) for ink in ("ink", "soft", "link", "good", "bad", "odd") for ground in ("page", "card")]
    pairs += [(name, f"{name}-field") for name in ("good", "bad", "odd")] + [("ink", "odd-field")]
    for ink, ground in pairs:
        bright, dark = sorted((luminance(colour[ink]), luminance(colour[ground])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)  # WCAG 2.2, 1.4.3


def test_four_backends_with_the_most_failures_stay_under_500_kilobytes():
    worst = check_backend(load(str(MUTANTS / "scores_with_temperature.py")), size="minimal")
    assert len(worst.of(Status.FAIL)) > 30
    assert len(page([worst] * 4).encode()) < 500_000


def test_a_check_and_a_stage_of_a_newer_suite_are_shown():
    new = replace(FAILED, check="new.check", stage="new stage", clauses=("NEW-1",))
    said = spoken(page([replace(REPORT, findings=(PASSED, new))]))
    assert "new. check" in said.replace("new.check", "new. check")
    assert "NEW-1" in said
    assert "new stage" in said
