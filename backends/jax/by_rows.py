"""The expert stage where the gradients of its tables go into a slot."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax.experts import Pulled, Tables, expert_stage, pull
from peerspec.backends.jax.gradient_taps import GradientTap, deposit, encoded
from peerspec.backends.jax.probe import Probe
from peerspec.reference import PeerConfig

__all__ = ["expert_stage_by_rows"]


def expert_stage_by_rows(
    tap: GradientTap | Probe, config: PeerConfig, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array
) -> jax.Array:
    """``expert_stage``, whose tables are constants and whose slot has the gradient."""
    if isinstance(tap, Probe):
        tap.meet(tables, x, ids.shape[1])
        return expert_stage(config, tables, x, ids, gate)
    return _stage(config, len(tap.uses), tap, tables, x, ids, gate)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _stage(
    config: PeerConfig, room: int, tap: GradientTap, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array
) -> jax.Array:
    return expert_stage(config, tables, x, ids, gate)


def _forward(config: PeerConfig, room: int, tap: GradientTap, *arguments: Any) -> tuple[jax.Array, Any]:
    return expert_stage(config, *arguments), arguments


def _backward(config: PeerConfig, room: int, saved: Any, dy: jax.Array) -> tuple[Any, ...]:
    tables, x, ids, gate = saved
    pulled = pull(config.activation, tables, x, ids, gate, dy)
    found = GradientTap(jnp.ones(len(x), x.dtype), encoded(ids, x.dtype), x, dy, _after(pulled))
    return deposit(room, found), None, pulled.dx, None, pulled.dgate


def _after(pulled: Pulled) -> Tables:
    """The weights, once everything that reads a table is known.

    An update in place that could come before a reading makes XLA copy the table, and a barrier does not outlive its
    passes. So the weights of a token depend on its other gradients in the one way that changes no number.
    """
    unknown = jnp.isnan(pulled.dx).any(-1) | jnp.isnan(pulled.dgate).any(-1)
    return {name: jnp.where(unknown[:, None], jnp.nan, weights) for name, weights in pulled.weights.items()}


_stage.defvjp(_forward, _backward)
