"""The covering array: no pair is lost, what is published is true, and every row decides something."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import prod
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest

from peerspec.backends.protocol import ALL_PROFILES
from peerspec.backends.torch.backend import forward
from peerspec.conformance.cases import SELECTION_CASES, covering_cases
from peerspec.conformance.cases.covering.factors import (
    ALIGNMENTS,
    FACTORS,
    OTHERS,
    SIZES,
    coarse,
    levels,
    required,
    tuples,
)
from peerspec.conformance.cases.covering.rows import projected, stored_rows
from peerspec.conformance.cases.covering.table import covered, missing
from peerspec.conformance.cases.entries import DATA, Data
from peerspec.conformance.cases.recipe import LayerRecipe, Mask, Memory
from peerspec.conformance.cases.regimes import EDGES, intervals
from peerspec.conformance.plan import Plan
from peerspec.reference import PRECISIONS, PeerConfig

ROOT = Path(__file__).parents[2]
CASES = covering_cases(ALL_PROFILES)
GRADIENTS = covering_cases(ALL_PROFILES, gradients=True)
LIVE = 0.2
"""In some rows a third of the tokens has zeros alone, and with relu y of half of the others may be 0: a third of all
tokens is left on average. A row of fewer than a fifth is dead, not unlucky."""


@pytest.mark.parametrize("gradients", [False, True])
def test_the_default_size_loses_nothing_but_a_few_pairs_of_a_size_and_an_option(gradients: bool) -> None:
    found = covered(1, gradients=gradients)
    lost = {name: of.possible - of.covered for name, of in found.items() if of.covered < of.possible}
    assert lost.keys() <= {"a size and an option"}
    assert lost.get("a size and an option", 0) <= found["a size and an option"].possible / 100


@pytest.mark.parametrize("gradients", [False, True])
def test_the_full_size_loses_only_what_costs_too_much_or_is_never_decided(gradients: bool) -> None:
    """More than 90,000 selected experts, half a million rows, or so many heads that some selection is a near-tie."""
    lost = missing(2, gradients=gradients)
    large = {*intervals()[intervals().index("2049-4096") :], "513-1024"}
    assert all(large & {level for name, level in some if name in SIZES} for some in lost)
    assert len(lost) < len(required(fine=True)) / 100


@pytest.mark.parametrize("cases", [CASES, GRADIENTS], ids=["forward", "gradients"])
def test_in_every_row_of_the_default_size_y_shows_something(cases: Any) -> None:
    """Where y is 0, its case tests nothing behind the products; a token may be one of zeros, or have relu at 0."""
    rows = [case for case in cases if case.size == 1]
    dead = [case.name for case in rows if np.mean([shown_tokens(case, seed) for seed in range(2)]) < LIVE]
    assert dead == []


def shown_tokens(case: Any, seed: int) -> float:
    """The share of tokens whose y is not 0."""
    made = replace(case.recipe, seed=seed).make(PRECISIONS["float32"])
    y = forward(made.layer, made.x, mask=made.mask, training=made.training).y
    return float((y != 0).any(-1).mean())


def test_a_lost_row_is_noticed() -> None:
    """Every row of the default size is needed: without it, something is lost."""
    rows = [row.recipe for row in stored_rows() if row.size == 1]
    shown = Counter(some for row in rows for some in tuples(levels(row), fine=False))
    single = [some for some, count in shown.items() if count == 1 and some in required(fine=False)]
    needed = [row for row in rows if any(some in tuples(levels(row), fine=False) for some in single)]
    assert len(needed) > len(rows) // 2


def test_what_is_required_names_every_level_and_every_pair_but_those_that_cannot_occur() -> None:
    found = required(fine=True)
    assert {((name, level),) for name in SIZES for level in FACTORS[name]} <= found
    assert (("D", "33-64"), ("activation", "silu")) in found
    assert (("activation", "silu"), ("expert", "glu")) in found
    assert (("norm", "batch"), ("mode", "training"), ("mask", "nan")) in found
    assert (("D", "33-64"), ("D mod 8", "aligned"), ("memory", "columns")) in found
    assert (("mask", "some"), ("axes", "0")) not in found, "one token counts"
    assert (("D", "1"), ("D mod 8", "aligned")) not in found
    assert not any(sum(name in SIZES for name, _ in some) > 1 for some in found)


def test_a_row_shows_exactly_its_levels() -> None:
    config = PeerConfig(65, 3, 16, 5, 256, d_out=64, gate="sigmoid", key_heads=3)
    found = levels(LayerRecipe(config, (2, 20), 0, Data.SHARP, Mask.SOME, memory=Memory.GAPS))
    assert (found["D"], found["M"], found["d/2"]) == ("65-128", "33-64", "65-128")
    assert (found["n"], found["k"], found["h"], found["T"]) == ("2-8", "2-8", "2-8", "33-64")
    assert (found["h·k"], found["T·h·k"]) == ("9-16", "513-1024")
    assert [found[ALIGNMENTS[name]] for name in ("D", "M", "T")] == ["not aligned", "aligned", "aligned"]
    options = "gelu, mlp, sigmoid, none, none, per head, inference, some, gaps, 2, sharp, k > n, M ≠ D"
    assert [found[name] for name in OTHERS] == options.split(", ")


def test_every_level_occurs_in_every_precision_at_default_size() -> None:
    rows = [(row.recipe, row.precisions) for row in stored_rows() if row.size == 1]
    for precision in PRECISIONS:
        shown = {level for recipe, runs in rows if precision in runs for level in coarse(levels(recipe)).items()}
        assert shown == {level for recipe, _ in rows for level in coarse(levels(recipe)).items()}


@pytest.mark.parametrize("missing_profile", ["glu", "sigmoid", "query-bias", "query-norm", "per-head-keys", "training"])
def test_a_backend_without_an_option_keeps_all_rows_and_the_pairs_of_the_rest(missing_profile: str) -> None:
    claimed = ALL_PROFILES - {missing_profile}
    names = {case.name for case in covering_cases(claimed)}
    assert names == {case.name for case in CASES}
    shown, before = (
        {some for case in cases for some in tuples(levels(case.recipe), fine=False)}
        for cases in (covering_cases(claimed), CASES)
    )
    neutral = {
        "glu": ("expert", "glu"),
        "sigmoid": ("gate", "sigmoid"),
        "query-bias": ("bias", "bias"),
        "per-head-keys": ("keys", "per head"),
    }.get(missing_profile)
    lost = required(fine=False) & before - shown
    others = {"query-norm": {"norm", "mode"}, "training": {"mode"}}.get(missing_profile, set())
    unexplained = [some for some in lost if neutral not in some and not others & {name for name, _ in some}]
    assert not unexplained


def test_a_plan_has_the_rows_of_its_size() -> None:
    for size, number in (("minimal", 0), ("default", 1), ("full", 2)):
        plan = Plan.make({"float32", "bfloat16", "training"}, size=size)
        steps = {(step.check.id, step.precision): step.cases for step in plan.steps if "cover." in step.check.id}
        if number == 0:
            assert not steps
            continue
        rows = [row for row in stored_rows() if row.size <= number]
        assert len(steps["cover.layer", "float32"]) == len(rows)
        assert len(steps["cover.gradients", "float32"]) == sum(row.gradients is not None for row in rows)
        others = [row for row in rows if "bfloat16" in row.precisions or row.size < number]
        assert len(steps["cover.layer", "bfloat16"]) == len(others)


@pytest.mark.parametrize("data", list(Data))
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_entries_are_what_their_kind_says(data: Data, precision: str) -> None:
    config = PeerConfig(7, 2, 25, 4, 6, d_out=5, query_bias=True)
    case = LayerRecipe(config, (9,), 3, data).make(PRECISIONS[precision])
    params, x = (case.layer.params, case.x.astype(np.float64))
    assert case.exact == DATA[data].exact
    assert all(np.isfinite(part.astype(np.float64)).all() for part in (*params.values(), x))
    weight, keys = (params[name].astype(np.float64) for name in ("query.weight", "keys"))
    q = np.einsum("hcd,td->thc", weight, x) + params["query.bias"].astype(np.float64)
    s1, s2 = (np.einsum("thc,nc->thn", q[..., 3 * side : 3 * side + 3], keys[0, side]) for side in (0, 1))
    if data is Data.SUNKEN:
        assert max(s1.max(), s2.max()) <= -16 * 2.0**8
    if data is Data.NEAR:
        ratios = [part.max(-1) / part.min(-1) for part in (s1, s2)]
        assert all((ratio >= 1).all() and (ratio <= 1 + 1 / 16).all() for ratio in ratios)
        assert len(set(np.log2(s1.max(-1)[:, 0]).astype(int))) == 9, "each token has its own binade"
    if data is Data.ZEROS:
        assert [not row.any() for row in x] == [False, False, True] * 3


def test_a_mask_with_nan_marks_only_a_token_that_does_not_count() -> None:
    case = LayerRecipe(PeerConfig(5, 1, 9, 2, 4), (2, 4), 1, mask=Mask.NAN).make(PRECISIONS["float32"])
    assert case.mask is not None
    bad = np.isnan(case.x).any(-1)
    assert bad.sum() == 1
    assert not case.mask[bad].any()


@pytest.mark.parametrize("memory", list(Memory))
def test_memory_orders_are_what_they_say(memory: Memory) -> None:
    case = LayerRecipe(PeerConfig(5, 2, 9, 2, 4), (6, 3), 1, mask=Mask.SOME, memory=memory).make(PRECISIONS["float32"])
    assert case.mask is not None
    assert case.dy is not None
    turned = memory in (Memory.COLUMNS, Memory.ALL)
    assert [part.flags.f_contiguous for part in (case.x, case.dy, case.mask)] == [turned] * 3
    assert case.layer.params["experts.u"].flags.c_contiguous != (memory in (Memory.TABLES, Memory.ALL))
    assert (not case.x.flags.c_contiguous and not case.x.flags.f_contiguous) == (memory is Memory.GAPS)


def test_selection_cases_have_every_k_up_to_64_and_ids_beyond_32_bits() -> None:
    cases = [(case.n, case.k) for case in SELECTION_CASES if case.size <= 1]
    assert {k for n, k in cases if k <= n} >= set(range(1, 65))
    assert {k for n, k in cases if k > n} >= set(range(3, 65)), "k = 2 needs n ≥ 2"
    assert {exponent for exponent in (24, 31, 32) for n, _ in cases if 2**exponent < n * n < 2 ** (exponent + 1)} == {
        24,
        31,
        32,
    }
    for edge in EDGES[1:-1]:
        assert {edge - 1, edge, edge + 1} <= {n for n, _ in cases}


def test_intervals_and_levels_agree() -> None:
    assert [levels(LayerRecipe(PeerConfig(d, 1, 1, 1, 2), (1,), 0))["D"] for d in EDGES] == list(intervals()[:-1])


def test_rows_are_cheap() -> None:
    """A row of the default size needs less than 10 million numbers and multiplications."""
    for row_ in stored_rows():
        c, count = row_.recipe.config, prod(row_.recipe.lead)
        row = c.d_model * (2 if c.expert == "glu" else 1) + c.d_out
        work = c.num_experts * row + count * c.heads * (c.d_key * (c.d_model + c.n) + c.top_k * row + c.num_experts)
        assert work < 10_000_000, row_


def test_the_page_shows_the_cases_that_there_are() -> None:
    page = run_path(str(ROOT / "benchmarks" / "cases.py"))["page"]
    assert (ROOT / "docs" / "cases.md").read_text("utf-8") == page()


def test_projection_keeps_what_is_claimed() -> None:
    recipe = replace(
        stored_rows()[0].recipe, training=True, config=PeerConfig(4, 2, 9, 2, 4, query_norm="batch", key_heads=2)
    )
    assert projected(recipe, ALL_PROFILES) == recipe
    found = projected(recipe, {"query-norm"})
    assert (found.config.key_heads, found.config.query_norm, found.training) == (1, "batch", True)
    assert projected(recipe, set()).training is False
