"""The profile ``pkm``: a product-key memory, the retrieval of PEER over rows of values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.check import Evidence
from peerspec.conformance.checks.comparing import (
    comparison_check,
    examine_form,
    examine_gradients,
    examine_repeat,
    examine_tokens,
)
from peerspec.conformance.checks.evidence import holds, within
from peerspec.conformance.checks.following import following_check
from peerspec.conformance.checks.gates import examine_gates
from peerspec.conformance.checks.output import examine_y
from peerspec.conformance.checks.selection import examine_admissible
from peerspec.conformance.hosts.arguments import same_bits
from peerspec.conformance.hosts.host import supports
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.memory import MemoryTrial
from peerspec.reference import Layer, select_two_stage
from peerspec.reference.config import STATISTICS

__all__ = ["PKM_CHECKS"]


def _retrieval(trial: MemoryTrial) -> Iterator[Evidence]:
    """The selection, and scores within their bound; exact half scores decide every id and its place."""
    peer = trial.peer
    yield from examine_admissible(peer)
    got, where = peer.returned_scores, np.broadcast_to(peer.finite[:, None, None], peer.ids.shape)
    yield from within("the score", got, peer.scores, where, u=trial.model.u, exact=trial.case.exact)
    if trial.case.exact and peer.ids.size:
        s1, s2 = peer.half_scores
        expected = select_two_stage(s1.value, s2.value, trial.config.top_k).indices
        wrong = np.argwhere((expected != peer.ids).any(-1) & peer.finite[:, None])
        at = tuple(int(i) for i in wrong[0]) if len(wrong) else (0, 0)
        lists = {"expected": expected[at].tolist(), "got": peer.ids[at].tolist()}
        yield holds(not len(wrong), ProblemKind.ORDER, where=dict(zip(("token", "head"), at, strict=True)), **lists)


def _gates(trial: MemoryTrial) -> Iterator[Evidence]:
    yield from examine_gates(trial.peer)


def _same(trial: MemoryTrial) -> Iterator[Evidence]:
    """Exact half scores are the same in both layers, so the routing has the same bits."""
    layer = _in_rows(trial.peer.case.layer)
    peer = Trial(replace(trial.peer.case, layer=layer), trial.host)
    if supports(trial.host, layer.config, layer.dtype) is not True or not peer.shows_routing:
        return
    for name in trial.routing:
        theirs = np.asarray(getattr(peer.output, name)).astype(trial.output[name].dtype)
        yield holds(same_bits(trial.output[name], theirs), ProblemKind.NOT_AS_PEER, part=name)


def _in_rows(layer: Layer) -> Layer:
    """The layer with all tables in rows of memory: for others an implementation may have another path."""
    return Layer(layer.config, {name: np.array(array, order="C") for name, array in layer.params.items()})


def _output(trial: MemoryTrial) -> Iterator[Evidence]:
    for evidence in examine_y(trial.peer):
        yield replace(evidence, clause="PRC-2" if evidence.clause == "PRC-2" else "")
    lost = int((~np.isnan(trial.returned("y")[trial.holds_nan].astype(np.float64))).sum())
    yield holds(not lost, ProblemKind.NAN_LOST, clause="NFT-1", count=lost)


def _state(trial: MemoryTrial) -> Iterator[Evidence]:
    for name in STATISTICS:
        if name in trial.output:
            expected = (trial.peer.query.state or {})[name]
            yield from within(f"the new {name}", trial.output[name], expected, axes=("head", "query feature"))


PKM_CHECKS = (
    comparison_check(
        "pkm",
        "form",
        ("PKM-3", "SHP-1", "PRC-3", "PRC-6", "NFT-3", "IND-2", "IND-4"),
        Stage.STRUCTURE,
        examine_form,
        "Has the answer of a product-key memory its parts, with the right shapes, dtypes and ids?",
    ),
    comparison_check(
        "pkm",
        "repeat",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        examine_repeat,
        "Does a product-key memory answer equal questions with equal bits?",
    ),
    comparison_check(
        "pkm",
        "tokens",
        ("IND-1", "NFT-2"),
        Stage.INDEPENDENCE,
        examine_tokens,
        "Does a token of a product-key memory leave the others alone, also if it holds a NaN?",
    ),
    comparison_check(
        "pkm",
        "retrieval",
        ("PKM-3", "SEL-3", "SEL-6", "PRC-2", "PRC-5"),
        Stage.SELECTION,
        _retrieval,
        "Does a product-key memory retrieve as PEER does?",
        needs_routing=True,
    ),
    comparison_check(
        "pkm",
        "gates",
        ("PKM-3", "PRC-2"),
        Stage.GATE,
        _gates,
        "Are the gates of a product-key memory those of PEER?",
        needs_routing=True,
    ),
    comparison_check(
        "pkm",
        "same",
        ("PKM-3",),
        Stage.GATE,
        _same,
        "Have scores, ids and gates the bits of the PEER layer with the same half scores?",
        needs_routing=True,
        cases="exact",
    ),
    comparison_check(
        "pkm",
        "state",
        ("NRM-3",),
        Stage.QUERY_NORM,
        _state,
        "Does training give a product-key memory the running statistics of PEER?",
        cases="training",
    ),
    comparison_check(
        "pkm",
        "output",
        ("PKM-3", "NFT-1", "PRC-2"),
        Stage.ACCUMULATION,
        _output,
        "Is y the sum of gate · value over all heads and their rows?",
    ),
    comparison_check(
        "pkm",
        "gradients",
        ("PKM-4", "PRC-2", "PRC-6"),
        Stage.GRADIENT,
        examine_gradients,
        "Do gradients reach the values, the sub-keys, the query and x?",
        cases="gradients",
    ),
    following_check("pkm"),
)
