"""Plans: the checks, cases and precisions of a run."""

import pytest

from peerspec.backends import BackendError
from peerspec.backends.protocol import ALL_PROFILES, PRECISIONS
from peerspec.conformance.plan import Plan
from peerspec.reference import PeerError

CLAIMED = {"float32", "bfloat16", "glu", "training"}


def test_a_precision_alone_keeps_every_profile():
    plan = Plan.make(CLAIMED, size="minimal", profiles=["bfloat16"])
    assert plan.precisions == ("bfloat16",)
    assert {step.check.profile for step in plan.steps} == {"core", "glu", "training"}


def test_a_profile_alone_keeps_every_precision():
    plan = Plan.make(CLAIMED, size="minimal", profiles=["training"])
    assert plan.precisions == ("float32", "bfloat16")
    assert {step.check.profile for step in plan.steps} == {"training"}


def test_without_restriction_everything_claimed_is_judged_in_every_precision():
    plan = Plan.make(CLAIMED, size="default")
    assert not plan.partial
    assert {(step.check.profile, step.precision) for step in plan.steps} == {
        (profile, precision) for profile in ("core", "glu", "training") for precision in ("float32", "bfloat16")
    }


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"profiles": ["sigmoid"]}, PeerError),
        ({"profiles": ["float31"]}, PeerError),
        ({"size": "huge"}, PeerError),
        ({"only": ["nothing."]}, PeerError),
        ({"claimed": {"float31"}}, BackendError),
    ],
)
def test_an_unknown_size_profile_or_check_is_refused(options, error):
    with pytest.raises(error, match=r"float31|huge|nothing|sigmoid"):
        Plan.make(**{"claimed": CLAIMED, "size": "minimal"} | options)


def test_a_mixed_precision_runs_the_cases_of_every_precision_and_those_of_narrow_inputs():
    plan = Plan.make(ALL_PROFILES, size="default")
    every = {p: {c.name for step in plan.steps if step.precision == p for c in step.cases} for p in plan.precisions}
    rows = {p: {name for name in every[p] if name.startswith("cover.")} for p in every}
    names = {p: every[p] - rows[p] for p in every}
    assert all(rows[p] <= rows["float32"] for p in every), "the first precision has every row"
    assert names["bfloat16"] == names["mixed-bfloat16"]
    assert names["float16"] == names["mixed-float16"] == names["mixed-bfloat16"] < names["float32"]
    assert "numeric.range" in names["float16"] - names["float64"], "float64 has no narrow input"
    assert "gradient.gelu" in names["mixed-float16"]
    assert not any(name.startswith("select") for name in names["mixed-bfloat16"])
    alone = Plan.make(ALL_PROFILES - set(PRECISIONS) | {"mixed-float16"}, size="default")
    assert {c.name for step in alone.steps for c in step.cases} == names["float32"] | rows["float32"]
