"""The layers of chapter 15, evaluated: the checks of the input are one for all of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from peerspec.backends.jax.comparison.blocks import blocks
from peerspec.backends.jax.comparison.expert_choice import ExpertChoiceOutput, expert_choice
from peerspec.backends.jax.comparison.params import check
from peerspec.backends.jax.comparison.pkm import pkm
from peerspec.backends.jax.comparison.token_choice import TokenChoiceOutput, token_choice
from peerspec.backends.jax.forward import Output
from peerspec.backends.jax.names import flat
from peerspec.backends.jax.params import Params
from peerspec.backends.jax.precision import compute_dtype
from peerspec.backends.jax.query_norm import require_tokens
from peerspec.reference.comparison import ComparisonConfig, DenseConfig, ExpertChoiceConfig, TokenChoiceConfig
from peerspec.reference.comparison.validation import learned_dtype

__all__ = ["DenseOutput", "forward"]


class DenseOutput(NamedTuple):
    """The result of a dense layer, a pytree.

    Attributes:
        y: [..., M], in the dtype of x.
    """

    y: jax.Array


def forward(
    config: ComparisonConfig,
    params: Params,
    x: jax.Array,
    *,
    mask: jax.Array | None = None,
    training: bool = False,
) -> Any:
    """Evaluate the layer.

    Args:
        config: the configuration; static under ``jit``.
        params: arrays by the names and with the shapes of ``config.shapes()``; ``experts.u`` may also be ``u`` in a
            dictionary ``experts``, and so on.
        x: tokens [..., D], with any number of leading axes, of the dtype of the parameters; beside float32 parameters
            also bfloat16 or float16.
        mask: [...], True where a token counts; experts of a mixture compute no other (CMP-5). None: all count.
        training: matters to a product-key memory with ``query_norm="batch"`` alone, as for PEER; static under ``jit``.

    Returns:
        ``DenseOutput``, ``TokenChoiceOutput``, ``ExpertChoiceOutput``, or the ``Output`` of PEER.

    Raises:
        TableError, InputError: names, shapes or dtypes that do not fit the configuration (CMP-3, PAR-5, SHP-1, SHP-2),
            or a mask without True whose values are known while tracing (NRM-5).

    Example:
        >>> from peerspec.backends.jax.comparison import init
        >>> from peerspec.reference.comparison import TokenChoiceConfig
        >>> config = TokenChoiceConfig(d_model=8, num_experts=4, top_k=2, d_hidden=16)
        >>> output = jax.jit(forward, static_argnums=0)(config, init(config, jax.random.key(0)), jax.numpy.ones((3, 8)))
        >>> output.y.shape, output.indices.shape
        ((3, 8), (3, 2))
    """
    params = flat(params)
    check(config, params, x, mask)
    if isinstance(config, DenseConfig | TokenChoiceConfig | ExpertChoiceConfig):
        training = False
    else:
        require_tokens(config.retrieval, x, mask, training)
    tokens = x.reshape(-1, config.d_model).astype(compute_dtype(learned_dtype(params)))
    out = _evaluate(config, params, tokens, None if mask is None else mask.reshape(-1), training)
    lead = x.shape[:-1]
    shaped = {
        name: array.reshape(*lead, *array.shape[1:])
        for name, array in out._asdict().items()
        if name not in ("y", "state")
    }
    return out._replace(y=out.y.astype(x.dtype).reshape(*lead, config.d_out), **shaped)


def _evaluate(
    config: ComparisonConfig, params: dict[str, jax.Array], x: jax.Array, mask: jax.Array | None, training: bool
) -> DenseOutput | TokenChoiceOutput | ExpertChoiceOutput | Output:
    if isinstance(config, DenseConfig):
        block = {name: array[None] for name, array in params.items()}
        return DenseOutput(blocks(config.activation, block, x[None])[0])
    if isinstance(config, TokenChoiceConfig):
        return token_choice(config, params, x, mask)
    if isinstance(config, ExpertChoiceConfig):
        return expert_choice(config, params, x, mask)
    return pkm(config, params, x, mask, training=training)
