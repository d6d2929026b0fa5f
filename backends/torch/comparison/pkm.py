"""The product-key memory as a module (SPEC.md, PKM-1 … PKM-4)."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from peerspec.backends.torch.comparison.layer import ComparisonModule
from peerspec.backends.torch.comparison.value_sum import value_sum
from peerspec.backends.torch.forward import Output, fits_one_operator
from peerspec.backends.torch.gates import constant_gates, gates
from peerspec.backends.torch.precision import without_autocast
from peerspec.backends.torch.retrieval import retrieve
from peerspec.backends.torch.stages import Query, QueryNorm, add_tensor
from peerspec.reference.comparison import PKMConfig

__all__ = ["PKM"]


class PKM(ComparisonModule[PKMConfig]):
    """A product-key memory: y = Σ over heads and their k rows of gate · value, with the retrieval and gates of PEER.

    Args:
        config: the configuration.
        device, dtype: of the parameters; those of torch by default.
        sparse_gradients: make the gradient of the values a sparse tensor of the rows that a batch selects, as for
            ``PEER``.

    Raises:
        TableError: another dtype than float64, float32, bfloat16 or float16.

    Example:
        >>> layer = PKM(PKMConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> layer(torch.randn(2, 3, 8)).shape
        torch.Size([2, 3, 8])
    """

    query: Query
    query_norm: QueryNorm | None

    def __init__(
        self,
        config: PKMConfig,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        sparse_gradients: bool = False,
    ) -> None:
        super().__init__(config, device=device, dtype=dtype)
        self.sparse_gradients = sparse_gradients

    def _add_parameters(self, device: Any, dtype: torch.dtype) -> None:
        config, shapes = self.config.retrieval, self.config.shapes()
        add_tensor(self, "keys", "keys", shapes["keys"], device, dtype)
        add_tensor(self, "values", "values", shapes["values"], device, dtype)
        self.query = Query(config, device, dtype)
        self.query_norm = None if config.query_norm == "none" else QueryNorm(config, device, dtype)

    def forward(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Tensor:
        """y [..., M] of tokens x [..., D]; arguments and errors as ``forward_with_routing``."""
        return self.forward_with_routing(x, mask).y

    def forward_with_routing(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Output:
        """y, and the routing: scores, ids and gates [..., h, k], as of ``PEER``.

        Args:
            x: tokens, of the dtype of the parameters; beside float32 parameters also bfloat16 or float16.
            mask: True where a token counts for batch statistics (NRM-4). Default: all.

        Raises:
            InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2, NRM-5).
        """
        config, (params, tokens, mask) = self.config, self._checked(x, mask)
        keys, state = params["keys"], None
        with without_autocast(x.device.type):
            q = self.query(tokens, keys.dtype, x.dtype == keys.dtype)
            if self.query_norm is not None:
                q, state = self.query_norm(q, keys.dtype, mask)
            scores, ids = retrieve(keys, q, config.top_k)
            gate = (constant_gates if self._infers(x) else gates)(config.gate, scores)
            pairs = ids.flatten(1), gate.flatten(1)
            y = value_sum(params["values"], *pairs, sparse_gradients=self.sparse_gradients)
        lead = x.shape[:-1]
        scores, ids, gate = (each.view(*lead, config.heads, config.top_k) for each in (scores, ids, gate))
        return Output(y.to(x.dtype).view(*lead, config.d_out), scores, ids, gate, state)

    def _infers(self, x: Tensor) -> bool:
        """Whether ``PEER`` would be one operator without a derivative, whose core has a softmax of its own."""
        tensors = [x, *self._tensors().values()]
        learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        return not learns and fits_one_operator(self.config.retrieval)
