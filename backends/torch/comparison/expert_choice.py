"""The mixture of experts in which experts choose, as a module (SPEC.md, XCM-1 … XCM-7)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from peerspec.backends.torch.comparison.blocks import blocks
from peerspec.backends.torch.comparison.layer import ComparisonModule
from peerspec.backends.torch.comparison.router import eligible, logits, marked, sorted_down, tables_of
from peerspec.backends.torch.comparison.slots import Slots, from_slots, into_slots, places_in_order
from peerspec.backends.torch.precision import without_autocast
from peerspec.reference.comparison import ExpertChoiceConfig

__all__ = ["ExpertChoice", "ExpertChoiceOutput"]


class ExpertChoiceOutput(NamedTuple):
    """The result of one forward pass: y, and the routing.

    Attributes:
        y: [..., M], the output, in the dtype of x.
        scores: [..., E], the softmax over the experts, in the compute dtype: the gate where an expert chose the token.
        chosen: [..., E], whether the expert chose the token.
    """

    y: Tensor
    scores: Tensor
    chosen: Tensor


class ExpertChoice(ComparisonModule[ExpertChoiceConfig]):
    """A mixture of experts in which each expert chooses the tokens with the highest scores.

    The result of a token depends on all tokens of the call, later ones included: do not compare its losses in causal
    models with those of causal layers (XCM-6).

    Args:
        config: the configuration.
        device, dtype: of the parameters; those of torch by default.

    Raises:
        TableError: another dtype than float64, float32, bfloat16 or float16.

    Example:
        >>> layer = ExpertChoice(ExpertChoiceConfig(d_model=8, num_experts=4, d_hidden=16, capacity_factor=2))
        >>> layer(torch.randn(2, 3, 8)).shape
        torch.Size([2, 3, 8])
    """

    def __init__(
        self, config: ExpertChoiceConfig, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(config, device=device, dtype=dtype)
        self._share = config.share.as_integer_ratio()

    def forward(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Tensor:
        """y [..., M] of tokens x [..., D]; arguments and errors as ``forward_with_routing``."""
        return self.forward_with_routing(x, mask).y

    def forward_with_routing(
        self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None
    ) -> ExpertChoiceOutput:
        """y, and the routing: the scores of all experts, and which of them chose the token.

        Args:
            x: tokens, of the dtype of the parameters; beside float32 parameters also bfloat16 or float16.
            mask: True where a token counts; experts choose no other (CMP-5). Default: all.

        Raises:
            InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2).
        """
        config, (params, tokens, mask) = self.config, self._checked(x, mask)
        with without_autocast(x.device.type):
            logit = logits(params, tokens)
            scores, computed = logit.softmax(-1), eligible(logit, mask)
            slots = self._slots(scores, computed, mask)
            gates = torch.where(slots.filled, scores.T.gather(-1, slots.token), 0)
            out = blocks(config.activation, tables_of(params), into_slots(tokens, slots), gates)
            y = marked(from_slots(out, slots), computed, mask)
        lead = x.shape[:-1]
        routing = (each.view(*lead, config.num_experts) for each in (scores, slots.kept))
        return ExpertChoiceOutput(y.to(x.dtype).view(*lead, config.d_out), *routing)

    def _slots(
        self, scores: Float[Tensor, "T E"], computed: Bool[Tensor, " T"], mask: Bool[Tensor, " T"] | None
    ) -> Slots:
        """The first tokens of each expert (XCM-4, XCM-5); with a mask, shapes are those of no mask."""
        width = self._capacity(scores.shape[0])
        best_first = sorted_down(torch.where(computed[:, None], scores, -1).T)
        position = places_in_order(best_first)
        capacity = width if mask is None else self._capacity(mask.sum())
        kept = (position < capacity) & computed
        token = best_first[:, :width]
        filled = (torch.arange(width, device=scores.device) < capacity) & computed[token]
        first = torch.arange(self.config.num_experts, device=scores.device)[:, None] * width
        return Slots(token, filled, torch.where(kept, first + position, 0).T, kept.T)

    def _capacity(self, counted: Any) -> Any:
        """``config.capacity`` of a number, also of one that is on the device or a symbol."""
        return (counted * self._share[0] + self._share[1] - 1) // self._share[1]
