"""The configuration of a layer, and the shapes it gives to the parameters (SPEC.md, chapter 1)."""

from __future__ import annotations

import json
from dataclasses import KW_ONLY, asdict, dataclass, fields
from math import isqrt
from typing import Any

from peerspec.files.shown import shown
from peerspec.files.strict_json import MAX_DIGITS, parse_json
from peerspec.reference.errors import ConfigError

__all__ = ["ACTIVATIONS", "EXPERTS", "GATES", "QUERY_NORMS", "STATISTICS", "PeerConfig"]

ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "silu", "identity")
GATES = ("softmax", "sigmoid")
EXPERTS = ("mlp", "glu")
QUERY_NORMS = ("none", "batch", "layer")
STATISTICS = ("query_norm.mean", "query_norm.var")
"""The parameters that are running statistics: training updates them without a gradient (NRM-3)."""


@dataclass(frozen=True)
class PeerConfig:
    """The configuration of one PEER layer.

    Args:
        d_model: D, the width of a token.
        heads: h, the number of retrieval heads.
        num_experts: N, a perfect square; each half of the product keys has n = √N sub-keys.
        top_k: k, the experts selected per head, 1 ≤ k ≤ N.
        d_key: d, the full width of a query, even; each half is d/2 wide.
        d_out: M, the width of the output; D by default.
        query_bias: whether the query maps have a bias.
        key_heads: H_k; 1: all heads share one set of keys; h: each head has its own.
        activation: σ, one of ``ACTIVATIONS``; ``gelu`` is the exact one (ACT-1).
        gate: one of ``GATES``.
        expert: one of ``EXPERTS``.
        query_norm: one of ``QUERY_NORMS``.

    Raises:
        ConfigError: a value outside CFG-1 … CFG-5.

    Example:
        >>> PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4).n
        3
    """

    d_model: int
    heads: int
    num_experts: int
    top_k: int
    d_key: int
    _: KW_ONLY
    d_out: int = None  # type: ignore[assignment]  # None means D; __post_init__ replaces it, so that readers see an int
    query_bias: bool = False
    key_heads: int = 1
    activation: str = "gelu"
    gate: str = "softmax"
    expert: str = "mlp"
    query_norm: str = "none"

    def __post_init__(self) -> None:
        if self.d_out is None:
            object.__setattr__(self, "d_out", self.d_model)
        for name in ("d_model", "heads", "num_experts", "top_k", "d_key", "d_out", "key_heads"):
            _require_count(name, getattr(self, name))
        if not isinstance(self.query_bias, bool):
            raise ConfigError(
                f"query_bias must be True or False, in JSON true or false, got {shown(self.query_bias)} (PAR-6)"
            )
        if self.n**2 != self.num_experts:
            raise ConfigError(
                f"num_experts must be a perfect square, got {self.num_experts}; "
                f"the nearest are {self.n**2} and {(self.n + 1) ** 2} (CFG-1)"
            )
        if self.d_key % 2:
            raise ConfigError(
                f"d_key is the full query width and must be even, got {self.d_key}; "
                f"use {self.d_key + 1}, or twice the width of a half (CFG-2)"
            )
        if self.top_k > self.num_experts:
            raise ConfigError(f"top_k must lie in 1..num_experts = 1..{self.num_experts}, got {self.top_k} (CFG-3)")
        if self.key_heads not in (1, self.heads):
            raise ConfigError(f"key_heads must be 1 (shared) or heads = {self.heads}, got {self.key_heads} (CFG-4)")
        for name, known in _OPTIONS.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}, got {shown(getattr(self, name))} (CFG-5)")

    @property
    def n(self) -> int:
        """Sub-keys per half, √N."""
        return isqrt(self.num_experts)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter by name, in the order of the table in PAR-1.

        Example:
            >>> PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=6).shapes()["keys"]
            (1, 2, 3, 3)
        """
        h, d, big_n = self.heads, self.d_key, self.num_experts
        shapes: dict[str, tuple[int, ...]] = {"query.weight": (h, d, self.d_model)}
        if self.query_bias:
            shapes["query.bias"] = (h, d)
        if self.query_norm != "none":
            shapes |= {"query_norm.scale": (h, d), "query_norm.bias": (h, d)}
        if self.query_norm == "batch":
            shapes |= {"query_norm.mean": (h, d), "query_norm.var": (h, d)}
        shapes["keys"] = (self.key_heads, 2, self.n, d // 2)
        shapes["experts.u"] = (big_n, self.d_model)
        shapes["experts.v"] = (big_n, self.d_out)
        if self.expert == "glu":
            shapes["experts.w"] = (big_n, self.d_model)
        return shapes

    def to_json(self) -> str:
        """The configuration as a JSON object, every field written out."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PeerConfig:
        """The configuration that ``to_json`` wrote.

        Raises:
            ConfigError: not a JSON object, a name given twice, an unknown or missing field, or a value outside
                CFG-1 … CFG-5.
        """
        try:
            values = parse_json(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"a configuration must be a JSON object, got {shown(text)} ({error}) (PAR-6)") from None
        except ValueError as error:
            raise ConfigError(f"a configuration cannot be read: {error} (PAR-6)") from None
        return cls.from_fields(values)

    @classmethod
    def from_fields(cls, values: Any) -> PeerConfig:
        """The configuration whose fields are the entries of a JSON object (PAR-6).

        Raises:
            ConfigError: not a ``dict``, an unknown or missing field, or a value outside CFG-1 … CFG-5.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"a configuration must be a JSON object, got {shown(values)} (PAR-6)")
        known = [field.name for field in fields(cls)]
        if unknown := sorted(values.keys() - set(known)):
            raise ConfigError(
                f"unknown configuration field {shown(unknown[0])}; known are {', '.join(sorted(known))} (PAR-6)"
            )
        if missing := [name for name in known if name not in values]:
            raise ConfigError(
                f"a configuration must have all of {', '.join(known)}, but this one lacks {', '.join(missing)}; "
                "add what the layer was made with, because no default is assumed (PAR-6)"
            )
        _require_count("d_out", values["d_out"])
        return cls(**values)


_OPTIONS = {"activation": ACTIVATIONS, "gate": GATES, "expert": EXPERTS, "query_norm": QUERY_NORMS}


def _require_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} must be a whole number of at least 1, got {shown(value)} (CFG-4)")
    if value >= 10**MAX_DIGITS:
        raise ConfigError(f"{name} must have at most {MAX_DIGITS} digits here, got {shown(value)}")
