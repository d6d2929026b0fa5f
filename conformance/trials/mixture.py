"""Trials of the two mixtures of experts: what tokens choose, and what experts choose."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.comparison import BlockBounds, logit_bounds
from peerspec.conformance.bounds.gates import gate_bounds
from peerspec.conformance.bounds.operations import take
from peerspec.conformance.bounds.selection import Margin, choice_margins
from peerspec.conformance.cases.case import Array
from peerspec.conformance.problems import Problem, ProblemKind, Violation
from peerspec.conformance.trials.comparison import ComparisonTrial, Form
from peerspec.conformance.trials.structure import ID_DTYPES
from peerspec.reference.comparison.expert_choice import choose_tokens
from peerspec.reference.comparison.token_choice import choose, keep

__all__ = ["ExpertChoiceTrial", "TokenChoiceTrial"]

BOOL = (np.dtype(bool),)


class _MixtureTrial(ComparisonTrial):
    """What both have in common: logits, and the tokens that experts may compute."""

    @cached_property
    def logits(self) -> Bounded:
        """[T, E]."""
        return logit_bounds(self.linear, self.case.layer, self.tokens)

    @property
    def counted(self) -> Array:
        """[T]; y of other tokens is 0 (CMP-5)."""
        return self.mask

    @cached_property
    def eligible(self) -> Array:
        """[T], tokens that count and have finite logits (CMP-5); those of a finite token are far from overflow."""
        return np.asarray(self.mask & self.finite)


class TokenChoiceTrial(_MixtureTrial):
    """The trial of a mixture in which tokens choose."""

    routing = ("scores", "indices", "gates", "kept")

    def forms(self) -> dict[str, Form]:
        """y, and the four parts of a routing (TCM-6)."""
        k = (self.config.top_k,)
        inside = {"scores": (k, self.inside), "indices": (k, ID_DTYPES), "gates": (k, self.inside)}
        return super().forms() | inside | {"kept": (k, BOOL)}

    def _violations(self) -> Iterator[Violation]:
        wrong = list(super()._violations())
        yield from wrong
        if wrong or not self.shows_routing or not self.output["indices"].size:
            return
        ids, last = self.returned("indices"), self.config.num_experts - 1
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high > last:
            yield Violation("NFT-3", Problem(ProblemKind.ID_OUT_OF_RANGE, {"last": last, "low": low, "high": high}))
            return
        ordered = np.sort(ids, -1)
        twice = (ordered[:, 1:] == ordered[:, :-1]).any(-1) & self.finite
        if twice.any():
            yield Violation("TCM-3", Problem(ProblemKind.EXPERT_REPEATED, {"got": ids[twice][0].tolist()}))

    @cached_property
    def expected_ids(self) -> Array:
        """[T, k], the choices of the definition."""
        return choose(self.logits.value, self.config.top_k)

    @cached_property
    def ids(self) -> Array:
        """[T, k], the returned choices; those of the definition if none are returned."""
        return self.returned("indices").astype(np.int64) if self.shows_routing else self.expected_ids

    @cached_property
    def expected_kept(self) -> Array:
        """[T, k], which of these choices an expert computes (TCM-5)."""
        return keep(self.ids, self.eligible, self.config.num_experts, self.config.capacity)

    @cached_property
    def kept(self) -> Array:
        """[T, k], as returned; as in the definition if nothing is returned."""
        return self.returned("kept") if self.shows_routing else self.expected_kept

    @cached_property
    def scores(self) -> Bounded:
        """[T, k], the logits of the choices."""
        return take(self.logits, self.ids)

    @cached_property
    def gates(self) -> Bounded:
        """[T, k], the gates of the choices (TCM-4)."""
        if self.config.gate == "softmax_after":
            return gate_bounds(self.model, "softmax", self.scores)
        return take(gate_bounds(self.model, "softmax", self.logits), self.ids)

    @cached_property
    def margin(self) -> Margin:
        """The chosen experts of each token compared with the others."""
        return choice_margins(self.logits, self._by_expert(self.ids, np.ones(self.ids.shape, bool)))

    @cached_property
    def certain(self) -> Array:
        """[T]; with a capacity, one token that may choose otherwise makes all uncertain."""
        chosen = self._by_expert(self.expected_ids, np.ones(self.expected_ids.shape, bool))
        certain = choice_margins(self.logits, chosen).certain
        if self.config.capacity is None:
            return certain
        scores = take(self.logits, self.expected_ids)
        low, high = scores.value - scores.error, scores.value + scores.error
        certain = certain & (low[:, :-1] > high[:, 1:]).all(-1)
        return np.full(len(certain), bool(certain[self.eligible].all()))

    @cached_property
    def blocks(self) -> BlockBounds:
        """The bounds of the experts' blocks, for the returned choices and drops."""
        chosen = self._by_expert(self.ids, self.kept)
        return BlockBounds(self.model, self.linear, self.case.layer, self.tokens, chosen, self.ids)

    def _by_expert(self, ids: Array, values: Array) -> Array:
        found = np.zeros((len(ids), self.config.num_experts), values.dtype)
        np.put_along_axis(found, ids, values, -1)
        return found


class ExpertChoiceTrial(_MixtureTrial):
    """The trial of a mixture in which experts choose."""

    routing = ("scores", "chosen")

    def forms(self) -> dict[str, Form]:
        """y, and the two parts of a routing (XCM-5)."""
        experts = (self.config.num_experts,)
        return super().forms() | {"scores": (experts, self.inside), "chosen": (experts, BOOL)}

    @cached_property
    def scores(self) -> Bounded:
        """[T, E], the softmax over the experts."""
        return gate_bounds(self.model, "softmax", self.logits)

    @cached_property
    def capacity(self) -> int:
        """The tokens that each expert chooses (XCM-4)."""
        return min(self.config.capacity(int(self.mask.sum())), int(self.eligible.sum()))

    @cached_property
    def expected_chosen(self) -> Array:
        """[T, E], the choice of the definition."""
        return choose_tokens(self.scores.value, self.eligible, self.capacity)

    @cached_property
    def chosen(self) -> Array:
        """[T, E], as returned; that of the definition if none is returned."""
        return self.returned("chosen") if self.shows_routing else self.expected_chosen

    def margin_of(self, chosen: Array) -> Margin:
        """For each expert, the eligible tokens that it chose compared with the others; tokens by place among them."""
        scores = Bounded(self.scores.value[self.eligible].T, self.scores.error[self.eligible].T)
        return choice_margins(scores, chosen[self.eligible].T)

    @cached_property
    def certain(self) -> Array:
        """[T]; one expert that may choose otherwise makes all tokens uncertain."""
        certain = not self.eligible.any() or bool(self.margin_of(self.expected_chosen).certain.all())
        return np.full(len(self.tokens), certain)

    @cached_property
    def blocks(self) -> BlockBounds:
        """The bounds of the experts' blocks, for the returned choice."""
        return BlockBounds(self.model, self.linear, self.case.layer, self.tokens, self.chosen)
