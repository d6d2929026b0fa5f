"""The layer: query → half scores → selection → gates → experts → output (SPEC.md, chapters 2 to 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax

from peerspec.backends.jax import native, plain
from peerspec.backends.jax.experts import expert_stage
from peerspec.backends.jax.explicit_axes import (
    axes_of_tokens,
    explicit_mesh,
    placed,
    placed_anew,
    require_all_or_no_axes,
    whole_or_sharded,
)
from peerspec.backends.jax.gates import gates
from peerspec.backends.jax.gradient_taps import TAP
from peerspec.backends.jax.names import flat
from peerspec.backends.jax.operation import operation
from peerspec.backends.jax.params import Params, check
from peerspec.backends.jax.precision import compute_dtype
from peerspec.backends.jax.query import query
from peerspec.backends.jax.query_norm import query_norm, require_tokens
from peerspec.backends.jax.retrieval import retrieve
from peerspec.backends.jax.tapped_experts import tapped_expert_stage
from peerspec.reference import PeerConfig
from peerspec.reference.config import STATISTICS

__all__ = ["Output", "Routing", "forward", "in_stages", "placed_as", "route"]


class Output(NamedTuple):
    """The result of one forward pass, a pytree.

    Attributes:
        y: [..., M], in the dtype of x.
        scores: [..., h, k], in the compute dtype (PRC-3).
        indices: [..., h, k], int32; int64 if N exceeds 2³¹.
        gates: [..., h, k], in the compute dtype.
        state: updated ``query_norm.mean`` and ``query_norm.var``, each [h, d] in the compute dtype, only after
            ``training=True`` with ``query_norm="batch"`` (NRM-3).
    """

    y: jax.Array
    scores: jax.Array
    indices: jax.Array
    gates: jax.Array
    state: dict[str, jax.Array] | None


class Routing(NamedTuple):
    """Scores, ids and gates [T, h, k], and the updated running statistics, as in ``Output``."""

    scores: jax.Array
    indices: jax.Array
    gates: jax.Array
    state: dict[str, jax.Array] | None


def forward(
    config: PeerConfig,
    params: Params,
    x: jax.Array,
    *,
    mask: jax.Array | None = None,
    training: bool = False,
) -> Output:
    """Evaluate the layer.

    Args:
        config: the configuration; static under ``jit``.
        params: arrays by the names of PAR-1, with the shapes of ``config.shapes()``; ``experts.u`` may also be ``u`` in
            a dictionary ``experts``, and so on.
        x: tokens [..., D], with any number of leading axes, of the dtype of the parameters; beside float32 parameters
            also bfloat16 or float16.
        mask: [...], True where a token counts; matters only to batch statistics (NRM-4). None: all count.
        training: if ``query_norm="batch"``, normalise with batch statistics and return the updated running
            ones; static under ``jit``.

    Raises:
        TableError, InputError: names, shapes or dtypes that do not fit the configuration (PAR-1, PAR-5,
            SHP-1, SHP-2), a mask without True whose values are known while tracing (NRM-5), or a ``shard_map`` over
            some of the axes of a mesh whose other axes are explicit.

    Example:
        >>> from peerspec.backends.jax import init
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> output = jax.jit(forward, static_argnums=0)(config, init(config, jax.random.key(0)), jax.numpy.ones((3, 8)))
        >>> output.y.shape, output.indices.shape
        ((3, 8), (3, 2, 4))
    """
    params = flat(params)
    check(config, params, x, mask)
    require_tokens(config, x, mask, training)
    evaluate: Any = partial(_evaluate, config, training)
    if mesh := explicit_mesh(params, x):
        require_all_or_no_axes(mesh)
        out = placed_as(x, mesh, config, training)
        if axes := () if TAP in params else axes_of_tokens(params, x):
            # each device evaluates its own tokens
            lead = whole_or_sharded(x)[:-1]
            mask = None if mask is None else placed_anew(mask, placed(mesh, *lead))
            given = placed(mesh), placed(mesh, *lead, None), placed(mesh, *lead)
            specs = jax.tree.map(lambda place: place.spec, (given, out))
            run = partial(evaluate, axes=axes)
            evaluate = jax.shard_map(run, mesh=mesh, in_specs=specs[0], out_specs=specs[1])
        else:
            # operations of the layer have no sharding rules of their own: XLA places what they compute
            evaluate = jax.sharding.auto_axes(evaluate, out_sharding=out)
    found: Output = evaluate(params, x, mask)
    return found


def placed_as(x: jax.Array, mesh: Any, config: PeerConfig, training: bool) -> Output:
    """Where the results lie: the axes of tokens as those of ``x``, all others whole."""
    lead = whole_or_sharded(x)[:-1]
    routing = placed(mesh, *lead, None, None)
    state = dict.fromkeys(STATISTICS, placed(mesh, None, None)) if config.query_norm == "batch" and training else None
    return Output(placed(mesh, *lead, None), routing, routing, routing, state)


def _evaluate(
    config: PeerConfig,
    training: bool,
    params: dict[str, jax.Array],
    x: jax.Array,
    mask: jax.Array | None,
    axes: tuple[str, ...] = (),
) -> Output:
    tokens = x.reshape(-1, config.d_model).astype(compute_dtype(params["keys"].dtype))
    if config.query_norm == "none" and TAP not in params and not plain.is_plain():
        out = _in_one_call(config, params, tokens)
    else:
        out = in_stages(config, params, tokens, None if mask is None else mask.reshape(-1), training, axes=axes)
    lead, routing = x.shape[:-1], (*x.shape[:-1], config.heads, config.top_k)
    return Output(
        y=out.y.astype(x.dtype).reshape(*lead, config.d_out),
        scores=out.scores.reshape(routing),
        indices=out.indices.reshape(routing),
        gates=out.gates.reshape(routing),
        state=out.state,
    )


def in_stages(
    config: PeerConfig,
    params: dict[str, jax.Array],
    x: jax.Array,
    mask: jax.Array | None = None,
    training: bool = False,
    *,
    stage: Callable[..., jax.Array] = expert_stage,
    axes: tuple[str, ...] = (),
) -> Output:
    """Tokens [T, D] in the compute dtype through one stage after the other.

    Args:
        config, params, mask, training: as for ``forward``.
        x: the tokens.
        stage: the expert stage.
        axes: inside ``shard_map``, the axes of the mesh whose devices have other tokens of one batch.
    """
    at = route(config, params, x, mask, training=training, axes=axes)
    in_plain = plain.is_plain()
    pairs = (x.shape[0], config.heads * config.top_k)
    tables = {name.removeprefix("experts."): array for name, array in params.items() if name.startswith("experts.")}
    tap: Any = tables.pop(TAP.removeprefix("experts."), None)
    if tap is not None:
        stage = partial(tapped_expert_stage, tap)
    elif in_plain and stage is expert_stage:
        stage = plain.expert_stage
    y = stage(config.activation, tables, x, at.indices.reshape(pairs), at.gates.reshape(pairs))
    return Output(y, *at)


def route(
    config: PeerConfig,
    params: Mapping[str, jax.Array],
    x: jax.Array,
    mask: jax.Array | None = None,
    *,
    training: bool = False,
    axes: tuple[str, ...] = (),
) -> Routing:
    """The routing of tokens [T, D] in the compute dtype; arguments as for ``in_stages``."""
    # Weights, sub-keys and tables keep their dtype: each operation widens what it reads.
    norm = {name: array.astype(x.dtype) for name, array in params.items() if name.startswith("query_norm.")}
    in_plain = plain.is_plain()
    q = plain.query(params, x) if in_plain else query(params, x)
    q, state = query_norm(config, norm, q, mask=mask, training=training, axes=axes)
    scores, ids = (plain.selected if in_plain else retrieve)(params["keys"], q, config.top_k)
    return Routing(scores, ids, (plain.gates if in_plain else gates)(config.gate, scores), state)


def _by_core(config: PeerConfig, params: dict[str, jax.Array], x: jax.Array) -> Output:
    y, scores, ids, gate = native.forward(config, params, x)
    return Output(y, scores, ids, gate, None)


def _forward(config: PeerConfig, params: dict[str, jax.Array], x: jax.Array) -> tuple[Output, Any]:
    return jax.vjp(partial(in_stages, config), params, x)


def _backward(config: PeerConfig, pull: Any, cotangents: Output) -> tuple[dict[str, jax.Array], jax.Array]:
    return pull(cotangents)


# One call of the core for the whole layer, with the bits of its stages; derivatives go through the stages.
_in_one_call: Any = operation(core=_by_core, library=in_stages, forward=_forward, backward=_backward, num_static=1)
