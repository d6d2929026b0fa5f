"""Configurations of the comparison layers: what is refused, shapes, JSON, and capacities in exact arithmetic."""

import json
from dataclasses import fields
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.comparison import KINDS, config_of

from peerspec.reference import ConfigError, PeerConfig
from peerspec.reference.comparison import (
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
    capacity_of,
)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("dense", {"d_hidden": 0}, r"d_hidden must be a whole number of at least 1, got 0 \(DNS-1\)"),
        ("dense", {"d_model": 5.0}, r"d_model must be a whole number of at least 1, got 5\.0 \(DNS-1\)"),
        ("dense", {"d_out": True}, "d_out must be a whole number of at least 1, got True"),
        ("dense", {"d_hidden": 10**4300}, "d_hidden must have at most 100 digits here, got a number of 14285 bits"),
        ("dense", {"activation": "tanh"}, r"activation must be one of relu, gelu, .*, got 'tanh' \(CFG-5\)"),
        ("dense", {"expert": "swiglu"}, "expert must be one of mlp, glu, got 'swiglu'"),
        ("tokens", {"top_k": 5}, r"top_k must lie in 1\.\.num_experts = 1\.\.4, got 5 \(TCM-1\)"),
        ("tokens", {"capacity": 0}, r"capacity must be a whole number of at least 1, got 0 \(TCM-1\)"),
        ("tokens", {"capacity": 1.25}, r"capacity must be a whole number of at least 1, got 1\.25"),
        ("tokens", {"gate": "softmax"}, r"gate must be one of softmax_before, softmax_after, got 'softmax' \(TCM-1\)"),
        ("tokens", {"expert": None}, "expert must be one of mlp, glu, got None"),
        (
            "experts",
            {"capacity_factor": 0},
            "capacity_factor must be a number above 0 and at most 1000000 with at most 4",
        ),
        ("experts", {"capacity_factor": 0.00001}, r"with at most 4 decimals, got 1e-05 \(XCM-1\)"),
        ("experts", {"capacity_factor": float("nan")}, "capacity_factor must be a number above 0"),
        ("experts", {"capacity_factor": "1"}, "capacity_factor must be a number above 0 .*, got '1'"),
        ("experts", {"capacity_factor": True}, "capacity_factor must be a number above 0 .*, got True"),
        (
            "experts",
            {"capacity_factor": 4.25},
            "must be at most num_experts = 4, because an expert chooses a token once",
        ),
        ("experts", {"activation": ["relu"]}, "activation must be one of"),
        ("pkm", {"num_experts": 15}, r"num_experts must be a perfect square, got 15; .* \(CFG-1\)"),
        ("pkm", {"d_key": 7}, r"must be even, got 7; .* \(CFG-2\)"),
        ("pkm", {"query_norm": "rms"}, "query_norm must be one of none, batch, layer, got 'rms'"),
    ],
)
def test_a_configuration_outside_the_clauses_is_refused(kind: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_of(kind, **change)


def test_shapes_are_those_of_the_tables() -> None:
    assert config_of("dense").shapes() == {"u": (6, 5), "v": (6, 7)}
    assert config_of("dense glu").shapes() == {"u": (6, 5), "v": (6, 7), "w": (6, 5)}
    mixture = {"router.weight": (4, 5), "experts.u": (4, 3, 5), "experts.v": (4, 3, 7)}
    assert config_of("tokens").shapes() == config_of("experts").shapes() == mixture
    assert config_of("experts glu").shapes() == mixture | {"experts.w": (4, 3, 5)}
    peer = PeerConfig(5, 3, 16, 6, 8, d_out=7, query_bias=True, key_heads=3, gate="sigmoid", query_norm="batch")
    expected = {name: shape for name, shape in peer.shapes().items() if not name.startswith("experts.")}
    assert config_of("pkm all").shapes() == expected | {"values": (16, 7)}


def test_d_out_defaults_to_d_model() -> None:
    assert DenseConfig(5, 3).d_out == 5
    assert TokenChoiceConfig(5, 4, 2, 3).d_out == 5
    assert ExpertChoiceConfig(5, 4, 3, 1).d_out == 5
    assert PKMConfig(5, 3, 16, 6, 8).d_out == 5


@pytest.mark.parametrize("kind", KINDS)
def test_json_round_trips_every_field(kind: str) -> None:
    config = config_of(kind)
    assert type(config).from_json(config.to_json()) == config
    assert set(json.loads(config.to_json())) == {field.name for field in fields(config)}


WHOLE = json.loads(config_of("tokens").to_json())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"a configuration must be a JSON object, got '\{' .* \(CMP-2\)"),
        ("[1]", r"a configuration must be a JSON object, got \[1\] "),
        ("[" * 100_000, r"a configuration cannot be read: the JSON is nested too deeply \(CMP-2\)"),
        (json.dumps(WHOLE | {"colour": 1}), "unknown configuration field 'colour'; known are activation, capacity, "),
        (json.dumps({"d_model": 5}), "must have all of d_model, .* lacks num_experts, top_k, .*; add what"),
        (json.dumps(WHOLE | {"d_out": None}), "d_out must be a whole number"),
        (json.dumps(WHOLE)[:-1] + ', "top_k": 3}', "the name 'top_k' is given twice"),
    ],
)
def test_text_that_is_not_a_configuration_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TokenChoiceConfig.from_json(text)


@given(st.integers(1, 10**12), st.integers(1, 10**7), st.integers(1, 300), st.integers(1, 300))
def test_a_capacity_is_the_exact_quotient_rounded_up(tokens: int, parts: int, num_experts: int, top_k: int) -> None:
    factor = parts / 10**4
    exact = Fraction(tokens * top_k * parts, 10**4 * num_experts)
    got = capacity_of(factor, tokens, num_experts=num_experts, top_k=top_k)
    assert got == min(tokens, ceil(exact))
    if parts <= 10**4 * num_experts:
        config = ExpertChoiceConfig(4, num_experts, 1, factor)
        assert config.capacity(tokens) == min(tokens, ceil(exact / top_k)) >= 1
        assert config.capacity(0) == 0


def test_a_factor_is_the_decimal_number_that_is_written() -> None:
    """In binary floating point 1.1·100 is more than 110."""
    assert 100 * 1.1 > 110
    assert capacity_of(1.1, 100, num_experts=10, top_k=10) == 100
    assert ExpertChoiceConfig(4, 10, 1, 1.1).capacity(100) == 11


def test_a_capacity_of_no_tokens_or_of_another_factor_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tokens must be a whole number of at least 1, got 0 \(CMP-6\)"):
        capacity_of(1, 0, num_experts=2, top_k=1)
    with pytest.raises(ConfigError, match=r"got 2000000 \(CMP-6\)"):
        capacity_of(2_000_000, 5, num_experts=2, top_k=1)
