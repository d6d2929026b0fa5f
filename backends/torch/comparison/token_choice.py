"""The mixture of experts in which tokens choose, as a module (SPEC.md, TCM-1 … TCM-8)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from peerspec.backends.torch import plain
from peerspec.backends.torch.comparison.blocks import blocks
from peerspec.backends.torch.comparison.layer import ComparisonModule
from peerspec.backends.torch.comparison.router import eligible, logits, marked, sorted_down, tables_of
from peerspec.backends.torch.comparison.slots import Slots, from_slots, into_slots, places_in_order
from peerspec.backends.torch.precision import without_autocast
from peerspec.reference.comparison import TokenChoiceConfig

__all__ = ["TokenChoice", "TokenChoiceOutput"]


class TokenChoiceOutput(NamedTuple):
    """The result of one forward pass: y, and the routing.

    Attributes:
        y: [..., M], the output, in the dtype of x.
        scores: [..., k], the logit of each chosen expert, best first, in the compute dtype.
        indices: [..., k], its id, int64.
        gates: [..., k], its gate, in the compute dtype, also where it was dropped.
        kept: [..., k], whether the expert computes the token.
    """

    y: Tensor
    scores: Tensor
    indices: Tensor
    gates: Tensor
    kept: Tensor


class TokenChoice(ComparisonModule[TokenChoiceConfig]):
    """A mixture of experts in which each token chooses the k experts with the largest logits.

    Under ``torch.compile`` and ``vmap`` each expert has a slot for every token if there is no capacity, for shapes must
    not depend on values: E/k times the arithmetic.

    Args:
        config: the configuration.
        device, dtype: of the parameters; those of torch by default.

    Raises:
        TableError: another dtype than float64, float32, bfloat16 or float16.

    Example:
        >>> layer = TokenChoice(TokenChoiceConfig(d_model=8, num_experts=4, top_k=2, d_hidden=16))
        >>> layer(torch.randn(2, 3, 8)).shape
        torch.Size([2, 3, 8])
    """

    def forward(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Tensor:
        """y [..., M] of tokens x [..., D]; arguments and errors as ``forward_with_routing``."""
        return self.forward_with_routing(x, mask).y

    def forward_with_routing(
        self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None
    ) -> TokenChoiceOutput:
        """y, and the routing: logits, ids and gates of all choices, and which of them experts compute.

        Args:
            x: tokens, of the dtype of the parameters; beside float32 parameters also bfloat16 or float16.
            mask: True where a token counts; experts compute no other (CMP-5). Default: all.

        Raises:
            InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2).
        """
        config, (params, tokens, mask) = self.config, self._checked(x, mask)
        with without_autocast(x.device.type):
            logit = logits(params, tokens)
            ids = sorted_down(logit)[:, : config.top_k]
            scores, gates = self._gates(logit, ids)
            computed = eligible(logit, mask)
            slots, pairs = slots_of(ids, computed, config.num_experts, config.capacity)
            gate = torch.where(slots.filled, gates.T.reshape(-1)[pairs], 0)
            out = blocks(config.activation, tables_of(params), into_slots(tokens, slots), gate)
            y = marked(from_slots(out, slots), computed, mask)
        lead = x.shape[:-1]
        routing = (each.view(*lead, config.top_k) for each in (scores, ids, gates, slots.kept))
        return TokenChoiceOutput(y.to(x.dtype).view(*lead, config.d_out), *routing)

    def _gates(self, logit: Float[Tensor, "T E"], ids: Int[Tensor, "T k"]) -> tuple[Tensor, Tensor]:
        scores = logit.gather(-1, ids)
        if self.config.gate == "softmax_after":
            return scores, scores.softmax(-1)
        return scores, logit.softmax(-1).gather(-1, ids)


def slots_of(
    ids: Int[Tensor, "T k"], computed: Bool[Tensor, " T"], num_experts: int, capacity: int | None
) -> tuple[Slots, Int[Tensor, "E C"]]:
    """The slots of the kept choices (TCM-5), and for each slot its choice, l·T + t.

    Choices are sorted by expert, and stay in the order of their position in the list and of tokens.
    """
    tokens, k = ids.shape
    queue = torch.where(computed[:, None], ids, num_experts).T.reshape(-1)
    by_expert = queue.sort(stable=True)
    starts = torch.searchsorted(by_expert.values, torch.arange(num_experts + 1, device=ids.device))
    position = places_in_order(by_expert.indices) - starts[queue]
    width = _width(tokens, starts, capacity)
    kept = (position < width) & (queue < num_experts)
    slot = torch.where(kept, queue * width + position, 0)
    at = starts[:-1, None] + torch.arange(width, device=ids.device)
    pairs = by_expert.indices[at.clamp(max=tokens * k - 1)]
    filled = at < starts[1:, None]
    return Slots(pairs % tokens if tokens else pairs, filled, slot.view(k, tokens).T, kept.view(k, tokens).T), pairs


def _width(tokens: int, starts: Int[Tensor, " E1"], capacity: int | None) -> int:
    """Slots of an expert: its capacity, or as many as the busiest expert needs; at least 1 if there is a token."""
    if capacity is not None:
        return min(capacity, tokens)
    if torch.compiler.is_compiling() or plain.is_mapped() or not tokens:
        return tokens
    return max(1, int((starts[1:] - starts[:-1]).max()))
