"""The functions that a model needs for the layers it holds, each written once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from peerspec.export.expert_mix import Body, expert_mix, expert_mix_name
from peerspec.export.layer_function import layer_function
from peerspec.export.onnx_package import FunctionProto
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.reference import PeerConfig

__all__ = ["Kind", "layer_functions", "layer_names"]


class Kind(NamedTuple):
    """What the functions of a layer depend on: its configuration and the dtype of its parameters."""

    config: PeerConfig
    dtype: np.dtype


def layer_names(kinds: Iterable[Kind]) -> dict[Kind, str]:
    """The name of the function of each kind of layer: ``Layer``, ``Layer_2``, …"""
    return {kind: "Layer" if at == 1 else f"Layer_{at}" for at, kind in enumerate(dict.fromkeys(kinds), 1)}


def layer_functions(kinds: Iterable[Kind], *, body: Body = "gather") -> list[FunctionProto]:
    """The model-local functions of a model that holds layers of these kinds, callees first.

    ONNX's own reference evaluator knows a function only after it is listed.
    """
    names = layer_names(kinds)
    mixes = _mix_names(names)
    return [
        product_key_top_k(),
        *(expert_mix(*mix, body=body, name=name) for mix, name in mixes.items()),
        *(layer_function(*kind, name=name, mix=mixes[_mix(kind.config)]) for kind, name in names.items()),
    ]


def _mix(config: PeerConfig) -> tuple[str, str]:
    return config.expert, config.activation


def _mix_names(kinds: Iterable[Kind]) -> dict[tuple[str, str], str]:
    """A second activation of one model takes a name of its own, because a body is written for one (ONX-3)."""
    names: dict[tuple[str, str], str] = {}
    for expert, activation in dict.fromkeys(_mix(kind.config) for kind in kinds):
        plain = expert_mix_name(expert)
        names[expert, activation] = plain if plain not in names.values() else f"{plain}_{activation}"
    return names
