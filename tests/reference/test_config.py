"""Configurations: the values that CFG-1 … CFG-5 refuse, and the error messages."""

import json
from typing import Any

import pytest

from peerspec.reference import ConfigError, PeerConfig

GOOD: dict[str, Any] = {"d_model": 5, "heads": 3, "num_experts": 16, "top_k": 6, "d_key": 8}
WHOLE = json.loads(PeerConfig(**GOOD).to_json())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_experts": 15}, r"num_experts must be a perfect square, got 15; the nearest are 9 and 16 \(CFG-1\)"),
        ({"num_experts": 17}, "the nearest are 16 and 25"),
        ({"num_experts": (2**60 + 1) ** 2 - 1, "top_k": 1}, "must be a perfect square"),  # beyond float64 roots
        ({"d_key": 7}, r"must be even, got 7; use 8, or twice the width of a half \(CFG-2\)"),
        ({"top_k": 17}, r"top_k must lie in 1\.\.num_experts = 1\.\.16, got 17 \(CFG-3\)"),
        ({"top_k": 0}, "top_k must be a whole number of at least 1, got 0"),
        ({"key_heads": 2}, r"key_heads must be 1 \(shared\) or heads = 3, got 2 \(CFG-4\)"),
        ({"heads": 0}, r"heads must be a whole number of at least 1, got 0 \(CFG-4\)"),
        ({"d_model": -4}, "d_model must be a whole number of at least 1, got -4"),
        ({"d_out": 0}, "d_out must be a whole number"),
        ({"d_model": 5.0}, r"d_model must be a whole number of at least 1, got 5\.0"),
        ({"heads": True}, "heads must be a whole number of at least 1, got True"),
        ({"num_experts": "16"}, "num_experts must be a whole number of at least 1, got '16'"),
        ({"query_bias": 1}, r"query_bias must be True or False, in JSON true or false, got 1 \(PAR-6\)"),
        ({"activation": "tanh"}, r"activation must be one of relu, gelu, .*, got 'tanh' \(CFG-5\)"),
        ({"gate": "x" * 1000}, "gate must be one of softmax, sigmoid, got 'x{58}… "),
        ({"heads": 10**4300}, "heads must have at most 100 digits here, got a number of 14285 bits"),
        ({"top_k": -(10**4300)}, "top_k must be a whole number of at least 1, got a number of 14285 bits"),
        ({"gate": [10**4300]}, "gate must be one of softmax, sigmoid, got a value of the type list"),
        ({"gate": "relu"}, "gate must be one of softmax, sigmoid, got 'relu'"),
        ({"expert": "swiglu"}, "expert must be one of mlp, glu, got 'swiglu'"),
        ({"query_norm": None}, "query_norm must be one of none, batch, layer, got None"),
    ],
)
def test_a_configuration_outside_the_clauses_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PeerConfig(**(GOOD | change))


def test_n_is_the_exact_root_and_d_out_defaults_to_d_model() -> None:
    config = PeerConfig(**(GOOD | {"num_experts": (2**60 + 1) ** 2}))
    assert config.n == 2**60 + 1
    assert config.d_out == 5
    assert PeerConfig(**GOOD, d_out=7).d_out == 7


def test_k_may_exceed_n() -> None:
    assert PeerConfig(**(GOOD | {"top_k": 16})).top_k == 16


def test_shapes_are_those_of_the_table() -> None:
    assert PeerConfig(**GOOD).shapes() == {
        "query.weight": (3, 8, 5),
        "keys": (1, 2, 4, 4),
        "experts.u": (16, 5),
        "experts.v": (16, 5),
    }
    full = PeerConfig(**GOOD, d_out=7, query_bias=True, key_heads=3, expert="glu", query_norm="batch")
    assert full.shapes() == {
        "query.weight": (3, 8, 5),
        "query.bias": (3, 8),
        "query_norm.scale": (3, 8),
        "query_norm.bias": (3, 8),
        "query_norm.mean": (3, 8),
        "query_norm.var": (3, 8),
        "keys": (3, 2, 4, 4),
        "experts.u": (16, 5),
        "experts.v": (16, 7),
        "experts.w": (16, 5),
    }
    assert "query_norm.mean" not in PeerConfig(**GOOD, query_norm="layer").shapes()


def test_json_round_trips_every_field() -> None:
    config = PeerConfig(
        **GOOD, d_out=7, query_bias=True, key_heads=3, activation="silu", gate="sigmoid", query_norm="layer"
    )
    assert PeerConfig.from_json(config.to_json()) == config
    assert set(json.loads(config.to_json())) == {*config.__dataclass_fields__} - {"_"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a configuration must be a JSON object, got '{'"),
        ("[1]", r"a configuration must be a JSON object, got \[1\] "),
        ("[" * 100_000, r"a configuration cannot be read: the JSON is nested too deeply \(PAR-6\)"),
        ('{"d_model": 1' + "0" * 5000 + "}", "cannot be read: a number has 5001 digits; at most 100 are read"),
        ('{"gate": "\\ud800"}', r"cannot be read: '\\ud800' holds half of a surrogate pair"),
        ('"' + "x" * 1000, "a configuration must be a JSON object, got '\"x{57}… "),
        (json.dumps(WHOLE | {"colour": 1}), "unknown configuration field 'colour'; known are activation, "),
        (json.dumps(WHOLE | {"_": 1}), "unknown configuration field '_'"),
        (
            json.dumps({"d_model": 5, "heads": 3}),
            r"must have all of d_model, .* lacks num_experts, top_k, .*; add what",
        ),
        (json.dumps(WHOLE | {"d_out": None}), "d_out must be a whole number"),
        (json.dumps(GOOD), "but this one lacks "),
        (json.dumps(WHOLE | {"top_k": 99}), "top_k must lie in"),
        (json.dumps(WHOLE | {"activation": ["relu"]}), "activation must be one of"),
        (json.dumps(WHOLE | {"d_model": float("nan")}), "cannot be read: NaN is no number of JSON"),
        (
            json.dumps(WHOLE)[:-1] + ', "heads": 3}',
            "^a configuration cannot be read: the name 'heads' is given twice ",
        ),
    ],
)
def test_text_that_is_not_a_configuration_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PeerConfig.from_json(text)
