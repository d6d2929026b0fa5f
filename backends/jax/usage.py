"""Usage and unevenness over the steps of a run, as a pure state (SPEC.md, MET-1, MET-3).

    state = init_usage(config)
    state = update_usage(state, output.indices, output.gates)  # in a jitted step, with the state donated
    usage(state), unevenness(state)  # on the host, in float64

The figures are those of the concatenated routings. Counts are exact up to 2⁶³. JAX has float64 only if a program turns
it on, so the sum of the gates of an expert is two numbers of float32, or of float64 where ``jax_enable_x64`` is set.
With u = 2⁻²⁴ or 2⁻⁵³ and B updates, its relative error is to first order at most (m − 1)·u + B·3u²:

- (m − 1)·u for the m gates or fewer that one update adds to the sum of one expert, as plain numbers. m is T·h·k/N on
  average, and T·h at most;
- 3u² for each addition to two numbers (Joldes, Muller and Popescu 2017).

So the error hardly grows with the number of steps. An update reads and writes all N sums, some 3 ms for a million
experts on two processors.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from peerspec.backends.jax.explicit_axes import explicit_mesh, placed, require_all_or_no_axes
from peerspec.reference import InputError, PeerConfig, unevenness_of_sums, usage_of_counts

__all__ = [
    "UsageState",
    "counts_of",
    "gate_sums_of",
    "init_usage",
    "merge_usage",
    "unevenness",
    "update_usage",
    "usage",
]


collective: Any = jax.lax  # not annotated


class UsageState(NamedTuple):
    """Sums over routings, a pytree of arrays [N]; ``counts_of`` and ``gate_sums_of`` read it.

    Attributes:
        low, high: uint32, how often each expert was selected: low + 2³² · high.
        gate_sums, rest: float32, or float64 under ``jax_enable_x64``; the gates of each expert sum to both together.
    """

    low: jax.Array
    high: jax.Array
    gate_sums: jax.Array
    rest: jax.Array


def init_usage(config: PeerConfig) -> UsageState:
    """The state before the first token.

    Example:
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> usage(init_usage(config)), unevenness(init_usage(config))
        (0.0, nan)
    """
    count, dtype = config.num_experts, jnp.result_type(float)
    # each array has memory of its own: one buffer cannot be donated twice
    return UsageState(*(jnp.zeros(count, each) for each in (jnp.uint32, jnp.uint32, dtype, dtype)))


def update_usage(
    state: UsageState,
    indices: jax.Array,
    gates: jax.Array,
    mask: jax.Array | None = None,
    *,
    axis_name: Any = None,
) -> UsageState:
    """The state with a routing added; works under ``jit``, ``scan`` and ``shard_map``, and has no derivative.

    Args:
        state: the state, which may be donated.
        indices, gates: [..., h, k], of the selected experts.
        mask: [...], where it is False, a token is not added. None: all are, as MET-1 says.
        axis_name: inside ``shard_map``, the axes of the mesh whose devices have other tokens; then the state is the
            same on all of them. With automatic or explicit axes it is so without this.

    Raises:
        InputError: shapes that do not fit each other.

    Example:
        >>> state = init_usage(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> state = jax.jit(update_usage)(state, jnp.array([[0, 3], [3, 3]]), jnp.full((2, 2), 0.5))
        >>> counts_of(state)[:4].tolist(), gate_sums_of(state)[:4].tolist()
        ([1, 0, 0, 3], [0.5, 0.0, 0.0, 1.5])
    """
    _check(indices, gates, mask)
    given = jax.lax.stop_gradient((indices, gates, mask))
    of_routing: Any = partial(_of_routing, len(state.low), state.gate_sums.dtype)
    if mesh := explicit_mesh(given):
        require_all_or_no_axes(mesh)
        of_routing = jax.sharding.auto_axes(of_routing, out_sharding=(placed(mesh, None), placed(mesh, None)))
    counts, sums = of_routing(*given)
    if axis_name is not None:
        counts, sums = collective.psum((counts, sums), axis_name)
    return _added(state, UsageState(counts, jnp.zeros_like(counts), sums, jnp.zeros_like(sums)))


def merge_usage(first: UsageState, second: UsageState) -> UsageState:
    """The sums of two states, for instance of two processes.

    Raises:
        InputError: they are of different numbers of experts.

    Example:
        >>> state = init_usage(PeerConfig(d_model=8, heads=2, num_experts=4, top_k=2, d_key=4))
        >>> state = update_usage(state, jnp.array([[0, 3]]), jnp.array([[0.25, 0.75]]))
        >>> counts_of(merge_usage(state, state)).tolist()
        [2, 0, 0, 2]
    """
    if first.low.shape != second.low.shape:
        raise InputError(
            f"only states of the same experts can be merged, got {len(second.low)} beside {len(first.low)} experts; "
            "merge those of one layer"
        )
    return _added(first, second)


def usage(state: UsageState) -> float:
    """The fraction of the experts that were selected at least once (MET-1); on the host, outside ``jit``."""
    return usage_of_counts(counts_of(state))


def unevenness(state: UsageState) -> float:
    """log N + Σ z log z in nats, in float64 on the host, outside ``jit``; NaN where all gates are 0 (MET-3)."""
    return unevenness_of_sums(gate_sums_of(state))


def counts_of(state: UsageState) -> Int[np.ndarray, " N"]:
    """How often each expert was selected, int64 [N]."""
    return _on_host(state.low).astype(np.int64) + (_on_host(state.high).astype(np.int64) << 32)


def gate_sums_of(state: UsageState) -> Float[np.ndarray, " N"]:
    """The sum of the gates of each expert, float64 [N]."""
    return _on_host(state.gate_sums).astype(np.float64) + _on_host(state.rest)


def _of_routing(
    count: int, dtype: Any, indices: jax.Array, gates: jax.Array, mask: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Counts, and sums of gates of ``dtype``, of one routing, [N] each."""
    kept: Any = True if mask is None else mask[..., None, None]
    ones, gates = jnp.where(kept, 1, jnp.zeros_like(indices)), jnp.where(kept, gates, 0)
    counts = jnp.zeros(count, jnp.uint32).at[indices].add(ones.astype(jnp.uint32))
    return counts, jnp.zeros(count, dtype).at[indices].add(gates.astype(dtype))


def _added(first: UsageState, second: UsageState) -> UsageState:
    low = first.low + second.low
    high = first.high + second.high + (low < first.low)  # the sum modulo 2³² is smaller where it wrapped
    total = first.gate_sums + second.gate_sums
    # what was rounded away, exactly (Knuth's two-sum); XLA does not reorder sums of floating-point numbers
    of_second = total - first.gate_sums
    lost = (first.gate_sums - (total - of_second)) + (second.gate_sums - of_second)
    rest = first.rest + second.rest + lost
    gate_sums = total + rest
    return UsageState(low, high, gate_sums, rest - (gate_sums - total))


def _check(indices: jax.Array, gates: jax.Array, mask: jax.Array | None) -> None:
    if indices.shape != gates.shape:
        raise InputError(f"ids and gates must have one shape, got {indices.shape} and {gates.shape}; pass one routing")
    if mask is not None and (mask.shape != indices.shape[:-2] or mask.dtype != bool):
        raise InputError(
            f"mask must be boolean of shape {indices.shape[:-2]}, got {mask.dtype} of shape {mask.shape} (SHP-2)"
        )


def _on_host(array: jax.Array) -> np.ndarray:
    if isinstance(array, jax.core.Tracer):
        raise InputError("figures of usage are computed on the host in float64; return the state, and ask outside jit")
    return np.asarray(array)
