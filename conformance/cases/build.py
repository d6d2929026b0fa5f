"""How the cases of the profile ``core`` are built: functions that make parts of a case from a source of tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from peerspec.conformance.cases.case import CaseDefinition, CaseFamily, Draw
from peerspec.conformance.cases.layers import exact_params, full_params, steered, tokens
from peerspec.reference import PeerConfig

__all__ = ["OUTPUT", "Build", "Parts", "core_case", "exact", "full", "full_case", "steered_by"]

Parts = dict[str, Any]
Build = Callable[[Draw, PeerConfig], Parts]

OUTPUT = frozenset({"any", "scores", "selection", "gates", "output", "without routing"})
"""The tags of a case that every check of outputs uses."""


def core_case(
    family: CaseFamily, label: str, config: PeerConfig, build: Build, tags: set[str] | frozenset[str], **more: Any
) -> CaseDefinition:
    """A case of the profile ``core``; an exact case whose selection is checked has its order checked too."""
    definition = CaseDefinition(family, label, config, build, frozenset(tags), **more)
    ordered = {"order"} if definition.exact and "selection" in tags else set()
    return replace(definition, tags=definition.tags | ordered)


def exact(*lead: int) -> Build:
    """Small integers, so that every sum is exact; x has the leading axes ``lead``."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        return {"params": exact_params(draw, config), "x": tokens(draw, (*lead, config.d_model), exact=True)}

    return build


def full(*lead: int) -> Build:
    """Full significands; x has the leading axes ``lead``."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        return full_case(draw, config, lead)

    return build


def full_case(draw: Draw, config: PeerConfig, lead: tuple[int, ...] = (6,)) -> Parts:
    """Parameters and x of full significands, for other builders to change."""
    return {"params": full_params(draw, config), "x": tokens(draw, (*lead, config.d_model))}


def steered_by(s1: list[float], s2: list[float]) -> Build:
    """Half scores s1 and s2 times 1, 2, −1, 4, ½ and −2 for six tokens."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        x = tokens(draw, (6, config.d_model), exact=True)
        x[:, 0] = [1, 2, -1, 4, 0.5, -2]
        return {"params": steered(draw, config, s1, s2), "x": x}

    return build
