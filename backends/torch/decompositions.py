"""The operators of the stages as standard operators, for exporters that know no others, such as ``torch.onnx.export``.

They serve a program that ``torch.export`` made before; a module that is exported as it is calls no such operator.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch._decomp import register_decomposition

from peerspec.backends.torch import experts, plain, query, retrieval  # noqa: F401 - they define the operators
from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.inference import by_stages

__all__: list[str] = []

_operators = torch.ops.peerspec

# TopK of ONNX lists equal values by position, as the selection order does
register_decomposition(_operators.forward.default)(by_stages)
register_decomposition(_operators.retrieve.default)(plain.retrieve)


@register_decomposition(_operators.query.default)
def _query(
    x: Float[Tensor, "T D"], weight: Float[Tensor, "h d D"], bias: Tensor | None, narrow: bool = False
) -> Float[Tensor, "T h d"]:
    return plain.query(x.to(COMPUTE_DTYPES[x.dtype]), weight, bias)


@register_decomposition(_operators.expert_stage.default)
def _expert_stage(
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Float[Tensor, "T D"],
    ids: Int[Tensor, "T hk"],
    gates: Float[Tensor, "T hk"],
    activation: str,
    sparse_gradients: bool = False,
) -> tuple[Float[Tensor, "T M"], Float[Tensor, "T tables hk"]]:
    tables = [u] if w is None else [u, w]
    products = torch.stack([plain.products(table, ids, x) for table in tables], 1)
    return plain.expert_stage(u, v, w, x, gates, ids, activation), products
