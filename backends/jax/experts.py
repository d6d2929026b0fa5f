"""Gates, activations and experts (GAT-1 … GAT-3, ACT-1, EXP-1, EXP-2, OUT-1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.rows import gather_dot, gather_sum, scatter_sum_like
from peerspec.reference import PeerConfig

__all__ = ["Pulled", "Tables", "expert_stage", "gates", "pull"]

Tables = dict[str, jax.Array]


def _gelu_tanh(a: jax.Array) -> jax.Array:
    # (1 + tanh z)/2 = sigmoid(2z): the same function without the cancellation in 1 + tanh and in 1 − tanh².
    return a * jax.nn.sigmoid(math.sqrt(8 / math.pi) * (a + 0.044715 * a * a * a))


_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,  # whose derivative at 0 is 0 (GRD-6); that of jnp.maximum is 1/2
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": _gelu_tanh,
    "silu": jax.nn.silu,
    "identity": lambda a: a,
}


def gates(kind: str, scores: jax.Array) -> jax.Array:
    """The gates of one head's k scores, [..., k]."""
    return (_gates if native.is_supported() else _gates_plain)(kind, scores)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gates(kind: str, scores: jax.Array) -> jax.Array:
    gate: jax.Array = native.dispatch(partial(native.gates, kind), partial(_gates_plain, kind), scores)
    return gate


def _gates_plain(kind: str, scores: jax.Array) -> jax.Array:
    return jax.nn.softmax(scores, axis=-1) if kind == "softmax" else jax.nn.sigmoid(scores)


def _gates_forward(kind: str, scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    gate = _gates(kind, scores)
    return gate, gate


def _gates_backward(kind: str, gate: jax.Array, dgate: jax.Array) -> tuple[jax.Array]:
    if kind == "sigmoid":
        return (gate * (1 - gate) * dgate,)
    return (gate * (dgate - (gate * dgate).sum(-1, keepdims=True)),)


_gates.defvjp(_gates_forward, _gates_backward)


def expert_stage(config: PeerConfig, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array) -> jax.Array:
    """y [T, M] of tokens x [T, D] with their experts and gates [T, K]; tables by their names u, v, and w if any."""
    return (_expert_stage if native.is_supported() else _expert_stage_plain)(config.activation, tables, x, ids, gate)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _expert_stage(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array) -> jax.Array:
    core, plain = partial(_expert_stage_core, activation), partial(_expert_stage_plain, activation)
    y: jax.Array = native.dispatch(core, plain, tables, x, ids, gate)
    return y


def _expert_stage_core(activation: str, tables: Tables, *tokens: jax.Array) -> jax.Array:
    y: jax.Array = over_tokens(lambda tables, tokens: native.expert_stage(activation, tables, *tokens))(tables, tokens)
    return y


def _expert_stage_plain(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array) -> jax.Array:
    inner = {name: gather_dot(tables[name], ids, x) for name in tables if name != "v"}
    return gather_sum(tables["v"], ids, gate * _weight(activation, inner))


def _weight(activation: str, inner: Tables) -> jax.Array:
    """What multiplies v: σ(u·x) for an MLP expert, σ(w·x)·(u·x) for a GLU expert."""
    if "w" in inner:
        return _ACTIVATIONS[activation](inner["w"]) * inner["u"]
    return _ACTIVATIONS[activation](inner["u"])


class Pulled(NamedTuple):
    """What ``pull`` gives."""

    dx: jax.Array
    dgate: jax.Array
    weights: Tables


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def pull(activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array, dy: jax.Array) -> Pulled:
    """The gradients of x and gates, and by table the weights with which x, or dy for v, enters its rows."""
    core, plain = partial(_pull_core, activation), partial(_pull_plain, activation)
    return Pulled(*native.dispatch(core, plain, tables, x, ids, gate, dy))


def _pull_core(activation: str, tables: Tables, *tokens: jax.Array) -> Pulled:
    run = over_tokens(lambda tables, tokens: native.expert_stage_backward(activation, tables, *tokens))
    return Pulled(*run(tables, tokens))


def _pull_plain(
    activation: str, tables: Tables, x: jax.Array, ids: jax.Array, gate: jax.Array, dy: jax.Array
) -> Pulled:
    inner = {name: gather_dot(tables[name], ids, x) for name in tables if name != "v"}
    weight, pull = jax.vjp(partial(_weight, activation), inner)
    dweight = gather_dot(tables["v"], ids, dy)
    (weights,) = pull(gate * dweight)
    dx = sum(gather_sum(tables[name], ids, weights[name]) for name in weights)
    return Pulled(jnp.asarray(dx), weight * dweight, {**weights, "v": gate * weight})


def _expert_stage_forward(activation: str, *arguments: Any) -> tuple[jax.Array, Any]:
    return _expert_stage(activation, *arguments), arguments


def _expert_stage_backward(activation: str, saved: Any, dy: jax.Array) -> tuple[Any, ...]:
    tables, x, ids, gate = saved
    pulled = pull(activation, tables, x, ids, gate, dy)
    dtables = {
        name: scatter_sum_like(tables[name], ids, pulled.weights[name], dy if name == "v" else x) for name in tables
    }
    return dtables, pulled.dx, None, pulled.dgate


def _pull_forward(activation: str, *arguments: Any) -> tuple[Pulled, Any]:
    return pull(activation, *arguments), arguments


def _pull_backward(activation: str, saved: Any, cotangents: Pulled) -> tuple[Any, ...]:
    # of second and higher order: by library operations, whose derivatives are defined to any order
    tables, x, ids, gate, dy = saved
    plain = partial(_pull_plain, activation)
    _, pull = jax.vjp(lambda tables, x, gate, dy: plain(tables, x, ids, gate, dy), tables, x, gate, dy)
    dtables, dx, dgate, ddy = pull(cotangents)
    return dtables, dx, None, dgate, ddy


_expert_stage.defvjp(_expert_stage_forward, _expert_stage_backward)
pull.defvjp(_pull_forward, _pull_backward)
