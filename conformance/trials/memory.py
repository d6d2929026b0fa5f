"""The trial of a product-key memory: a trial of the PEER layer that retrieves alike, whose experts all have ω = 1."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded, given
from peerspec.conformance.bounds.comparison import memory_gradient_bounds
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.problems import Violation
from peerspec.conformance.trials.comparison import ComparisonTrial, Form
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.structure import ID_DTYPES, violations
from peerspec.reference import Output
from peerspec.reference.comparison.pkm import retrieval_layer
from peerspec.reference.config import STATISTICS

__all__ = ["MemoryTrial"]


class _Retrieval(Trial):
    """The trial of the PEER layer, with the answer of the memory."""

    @cached_property
    def weights(self) -> Bounded:
        """[T, h, k]: 1, whatever the token."""
        return given(np.ones(self.ids.shape))


class MemoryTrial(ComparisonTrial):
    """The trial of a product-key memory.

    Attributes of ``peer``, the trial of the PEER layer, are what is judged of its retrieval.
    """

    routing = ("scores", "indices", "gates")

    def forms(self) -> dict[str, Form]:
        """y, the routing of PEER, and the new running statistics of training with query norm ``batch``."""
        c, found = self.config, super().forms()
        pairs = (c.heads, c.top_k)
        found |= {"scores": (pairs, self.inside), "indices": (pairs, ID_DTYPES), "gates": (pairs, self.inside)}
        if self.case.training and c.query_norm == "batch":
            found |= dict.fromkeys(STATISTICS, ((c.heads, c.d_key), self.inside))
        return found

    def _violations(self) -> Iterator[Violation]:
        wrong = list(super()._violations())
        yield from wrong or violations(self.peer.case, self.peer.output)

    @cached_property
    def peer(self) -> Trial:
        """The trial of the PEER layer."""
        case, found = self.case, self.output
        layer = retrieval_layer(self.config, case.layer)
        trial = _Retrieval(Case(case.name, case.exact, layer, case.x, case.mask, case.training, case.dy), self.host)
        state = {name: found[name] for name in STATISTICS if name in found}
        scores, ids, gates = (found.get(name) for name in self.routing)
        trial.answer = Answer(Output(found["y"], scores, ids, gates, state or None))
        return trial

    @cached_property
    def y(self) -> Bounded:
        """y [T, M] for the returned selection."""
        return self.peer.y

    @cached_property
    def certain(self) -> Array:
        """[T], True where every legal implementation selects the same rows in all heads."""
        return np.asarray(self.peer.certain_for_all)

    @cached_property
    def gradients(self) -> dict[str, Bounded]:
        """Gradients by name with their bounds, for the returned selection."""
        peer, layer = self.peer, self.case.layer
        training = self.case.training and self.config.query_norm == "batch"
        with np.errstate(over="ignore", invalid="ignore"):
            return memory_gradient_bounds(
                self.model,
                self.linear,
                layer,
                self.tokens,
                self.flat_dy,
                self.mask,
                peer.ids,
                training=training,
            )
