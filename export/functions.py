"""The model-local functions of a model, each written once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from peerspec.export.expert_stage import Body, expert_stage, expert_stage_name
from peerspec.export.layer_function import layer_function
from peerspec.export.names import LAYER_NAMES
from peerspec.export.onnx_package import FunctionProto
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.export.tables import Tables
from peerspec.reference import PeerConfig

__all__ = ["Kind", "layer_functions", "layer_names"]


class Kind(NamedTuple):
    """The properties of a layer that its functions depend on: configuration, dtype, and format of the tables."""

    config: PeerConfig
    dtype: np.dtype
    tables: Tables | None = None


def layer_names(kinds: Iterable[Kind]) -> dict[Kind, str]:
    """The name of the function for each kind of layer: ``Layer``, ``Layer_2``, ``LayerInt8``, …"""
    names: dict[Kind, str] = {}
    for kind in dict.fromkeys(kinds):
        plain = LAYER_NAMES[kind.tables]
        before = sum(name.split("_")[0] == plain for name in names.values())
        names[kind] = f"{plain}_{before + 1}" if before else plain
    return names


def layer_functions(kinds: Iterable[Kind], *, body: Body = "gather") -> list[FunctionProto]:
    """The functions of a model with layers of these kinds, each before those that call it.

    ONNX's reference evaluator finds only functions that are listed before the caller.
    """
    names = layer_names(kinds)
    stages = _stage_names(names)
    return [
        product_key_top_k(),
        *(expert_stage(*kind[:2], int8=kind[2], body=body, name=name) for kind, name in stages.items()),
        *(layer_function(*kind, name=name, expert_stage=stages[_stage_kind(kind)]) for kind, name in names.items()),
    ]


def _stage_kind(kind: Kind) -> tuple[str, str, bool]:
    return kind.config.expert, kind.config.activation, kind.tables == "int8"


def _stage_names(kinds: Iterable[Kind]) -> dict[tuple[str, str, bool], str]:
    """A name for each body: a second activation in one model gets its own name (ONX-3)."""
    names: dict[tuple[str, str, bool], str] = {}
    for expert, activation, int8 in dict.fromkeys(map(_stage_kind, kinds)):
        plain = expert_stage_name(expert, int8=int8)
        names[expert, activation, int8] = plain if plain not in names.values() else f"{plain}_{activation}"
    return names
