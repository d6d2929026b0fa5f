"""The dense layer as a module (SPEC.md, DNS-1 … DNS-4)."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from peerspec.backends.torch.comparison.blocks import blocks
from peerspec.backends.torch.comparison.layer import ComparisonModule
from peerspec.backends.torch.precision import without_autocast
from peerspec.reference.comparison import DenseConfig

__all__ = ["Dense"]


class Dense(ComparisonModule[DenseConfig]):
    """A dense feed-forward block without biases: y = Σ over hidden neurons of σ(u·x)·v.

    Args:
        config: the configuration.
        device, dtype: of the parameters; those of torch by default.

    Raises:
        TableError: another dtype than float64, float32, bfloat16 or float16.

    Example:
        >>> import torch
        >>> layer = Dense(DenseConfig(d_model=8, d_hidden=32))
        >>> layer(torch.randn(2, 3, 8)).shape
        torch.Size([2, 3, 8])
    """

    def forward(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Tensor:
        """y [..., M] of tokens x [..., D], in the dtype of x; a mask changes nothing (CMP-5).

        Raises:
            InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2).
        """
        params, tokens, _ = self._checked(x, mask)
        with without_autocast(x.device.type):
            tables = {name: table[None] for name, table in params.items()}
            y = blocks(self.config.activation, tables, tokens[None])[0]
        return y.to(x.dtype).view(*x.shape[:-1], self.config.d_out)
