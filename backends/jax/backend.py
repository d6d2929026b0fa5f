"""The backend ``jax``: the conformance suite and the entry point use this module as the backend.

Arrays in and out are NumPy. There is one compiled program for each configuration, number of tokens and dtype. Leading
axes are flattened before compilation, so that more calls have the same shapes. Results may be read-only views of JAX's
memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike, NDArray

from peerspec import native
from peerspec.backends.jax import comparison as chapter_15
from peerspec.backends.jax.adapter import AdapterOutput, Bases
from peerspec.backends.jax.adapter import adapt as jax_adapt
from peerspec.backends.jax.fast_compile import MAX_SIZE_OF_GRADIENTS, compiled
from peerspec.backends.jax.forward import Output as JaxOutput
from peerspec.backends.jax.forward import forward as jax_forward
from peerspec.backends.jax.gpu import chip
from peerspec.backends.jax.growth import grow as jax_grow
from peerspec.backends.jax.operation import for_cpu_alone
from peerspec.backends.jax.optim.only import only
from peerspec.backends.jax.params import Params, params_from_layer
from peerspec.backends.jax.selection import select as jax_select
from peerspec.backends.protocol import ALL_PROFILES
from peerspec.reference import (
    Adapter,
    AdapterConfig,
    Base,
    InputError,
    Layer,
    Output,
    PeerConfig,
    Selection,
    Trainable,
)
from peerspec.reference.comparison import ComparisonConfig, ComparisonLayer
from peerspec.reference.config import STATISTICS
from peerspec.reference.forward import flatten

__all__ = [
    "adapt", "adapter_gradients", "comparison", "comparison_gradients", "computed_by", "forward", "gradients", "grow",
    "name", "profiles", "select", "train",
]  # fmt: skip

name = "jax"
profiles = ALL_PROFILES - (frozenset() if find_spec("optax") else {"trainable"})


def computed_by() -> str:
    """JAX's default device, and whether the native core computes there."""
    device = jax.devices()[0]
    if device.platform in ("gpu", "cuda"):
        return chip.computed_by()
    return native.computed_by() if device.platform == "cpu" else f"library operations on {device.device_kind}"


def forward(layer: Layer, x: NDArray[Any], *, mask: NDArray[np.bool_] | None = None, training: bool = False) -> Output:
    """Evaluate ``layer`` on tokens [..., D]; ids come as int64.

    Raises:
        InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2, NRM-5).
    """
    config, training = layer.config, training and layer.config.query_norm == "batch"
    tokens, counted, lead = _tokens(layer, x, mask, training=training)
    with _call_settings(layer.dtype, num_experts=config.num_experts):
        out = _forward(config, dict(layer.params), tokens, counted, training)
        out = jax.tree.map(np.asarray, out)
    scores, ids, gate = (a.reshape(*lead, config.heads, config.top_k) for a in (out.scores, out.indices, out.gates))
    return Output(out.y.reshape(*lead, config.d_out), scores, ids.astype(np.int64), gate, out.state)


def select(scores1: NDArray[Any], scores2: NDArray[Any], k: int) -> Selection:
    """The first k experts under the selection order (SEL-1, SEL-2), from half scores [..., n]; ids are int64.

    Raises:
        InputError: half scores of different or unsuitable shape or dtype, or k outside 1..N.
    """
    with _call_settings(scores1.dtype, scores2.dtype, num_experts=scores1.shape[-1] ** 2 if scores1.ndim else 0):
        scores, ids = _select(scores1, scores2, k)
        return Selection(np.asarray(scores), np.asarray(ids).astype(np.int64))


def gradients(
    layer: Layer, x: NDArray[Any], dy: NDArray[Any], *, mask: NDArray[np.bool_] | None = None, training: bool = True
) -> dict[str, NDArray[Any]]:
    """The gradient of Σ dy·y by ``"x"`` and every parameter but running statistics; those are constants unless
    ``training`` (GRD-7, GRD-9).

    Raises:
        InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2, NRM-5).
    """
    config, training = layer.config, training and layer.config.query_norm == "batch"
    tokens, counted, lead = _tokens(layer, x, mask, training=training)
    if dy.shape != (*lead, config.d_out) or dy.dtype != x.dtype:
        raise InputError(
            f"dy must be {x.dtype} of shape {(*lead, config.d_out)}, got {dy.dtype} of shape {dy.shape} (SHP-1)"
        )
    with _call_settings(layer.dtype, num_experts=config.num_experts):
        grads = _gradients(config, dict(layer.params), tokens, dy.reshape(-1, config.d_out), counted, training)
        grads = jax.tree.map(np.asarray, grads)
    return {**grads, "x": grads["x"].reshape(x.shape)}


def grow(layer: Layer, num_experts: int, *, seed: int) -> dict[str, NDArray[Any]]:
    """The parameters of the grown layer by name; see ``peerspec.backends.jax.grow``."""
    with _call_settings(layer.dtype, num_experts=num_experts):
        _, params = jax_grow(layer.config, params_from_layer(layer), num_experts, seed=seed)
        return jax.tree.map(np.asarray, params)


def train(layer: Layer, x: NDArray[Any], dy: NDArray[Any], **parts: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """The parameters after steps of SGD with momentum and weight decay, each limited to a part (chapter 13)."""
    import optax

    optimiser = optax.chain(optax.add_decayed_weights(2.0**-3), optax.sgd(2.0**-4, momentum=0.9))
    config, state = layer.config, None
    for tokens, upstream, part in zip(x, dy, Trainable.by_steps(**parts), strict=True):
        found = gradients(layer, tokens, upstream, training=part.statistics)
        batch = forward(layer, tokens, training=part.statistics).state or {}
        with _call_settings(layer.dtype, num_experts=config.num_experts):
            learned = {name: array for name, array in params_from_layer(layer).items() if name not in STATISTICS}
            state = optimiser.init(learned) if state is None else state
            updates = {name: jnp.asarray(found[name]) for name in learned}
            updates, state = only(optimiser, config, part).update(updates, state, learned)
            after = jax.tree.map(np.asarray, optax.apply_updates(learned, updates))
        layer = Layer(config, dict(layer.params) | after | batch)
    return dict(layer.params)


def comparison(
    layer: ComparisonLayer, x: NDArray[Any], *, mask: NDArray[np.bool_] | None = None, training: bool = False
) -> dict[str, NDArray[Any]]:
    """y and the routing of a layer of chapter 15 by name, and the new running statistics if training changes them.

    Raises:
        InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2, NRM-5).
    """
    _require_counted(layer, x, mask, training=training)
    with _call_settings(layer.dtype, num_experts=0):
        found = _comparison(layer.config, dict(layer.params), x, mask, training)
        found = jax.tree.map(np.asarray, found)
    found |= found.pop("state", None) or {}
    found = {name: part for name, part in found.items() if part is not None}
    return found | ({"indices": found["indices"].astype(np.int64)} if "indices" in found else {})


def comparison_gradients(
    layer: ComparisonLayer,
    x: NDArray[Any],
    dy: NDArray[Any],
    *,
    mask: NDArray[np.bool_] | None = None,
    training: bool = True,
) -> dict[str, NDArray[Any]]:
    """The gradient of Σ dy·y for a layer of chapter 15, by ``"x"`` and every parameter but running statistics."""
    _require_counted(layer, x, mask, training=training)
    with _call_settings(layer.dtype, num_experts=0):
        found = _comparison_gradients(layer.config, dict(layer.params), x, dy, mask, training)
        return dict(jax.tree.map(np.asarray, found))


def adapt(
    adapter: Adapter, bases: Mapping[str, Base], x: NDArray[Any], *, training: bool = False
) -> dict[str, NDArray[Any]]:
    """``y.<target>`` of each base, and the routing; see ``peerspec.reference.adapt``."""
    config, training = adapter.config, training and adapter.config.query_norm == "batch"
    tokens, counted, lead = _tokens(adapter.routing_layer(), x, None, training=training)
    with _call_settings(adapter.params["keys"].dtype, num_experts=config.num_experts * config.rank):
        out = _adapt(config, dict(adapter.params), dict(bases), tokens, counted, training)
        out = jax.tree.map(np.asarray, out)
    found = {f"y.{name}": y.reshape(*lead, config.targets[name]) for name, y in out.y.items()}
    routing = {"scores": out.scores, "indices": out.indices.astype(np.int64), "gates": out.gates}
    return found | {name: each.reshape(*lead, config.heads, config.top_k) for name, each in routing.items()}


def adapter_gradients(
    adapter: Adapter,
    bases: Mapping[str, Base],
    x: NDArray[Any],
    dy: Mapping[str, NDArray[Any]],
    *,
    training: bool = True,
) -> dict[str, NDArray[Any]]:
    """The gradients of Σ dy·y over the targets; see ``peerspec.reference.adapter_gradients``."""
    config, training = adapter.config, training and adapter.config.query_norm == "batch"
    tokens, counted, lead = _tokens(adapter.routing_layer(), x, None, training=training)
    if dy.keys() != bases.keys() or any(dy[name].shape != (*lead, config.targets[name]) for name in bases):
        raise InputError(f"dy must have the shape of y for each of {', '.join(bases)} (ADP-5)")
    upstream = {name: dy[name].reshape(-1, config.targets[name]) for name in bases}
    with _call_settings(adapter.params["keys"].dtype, num_experts=config.num_experts * config.rank):
        grads = _adapter_gradients(config, dict(adapter.params), dict(bases), tokens, upstream, counted, training)
        grads = jax.tree.map(np.asarray, grads)
    return {**grads, "x": grads["x"].reshape(x.shape)}


def _output(config: PeerConfig, params: Params, x: jax.Array, mask: jax.Array | None, training: bool) -> JaxOutput:
    return jax_forward(config, params, x, mask=mask, training=training)


def _pullback(
    config: PeerConfig, params: Params, x: jax.Array, dy: jax.Array, mask: jax.Array | None, training: bool
) -> dict[str, jax.Array]:
    def output(params: Params, x: jax.Array) -> jax.Array:
        return jax_forward(config, params, x, mask=mask, training=training).y

    dparams, dx = jax.vjp(output, params, x)[1](dy)
    return {**{name: array for name, array in dparams.items() if name not in STATISTICS}, "x": dx}


def _compared(
    config: ComparisonConfig, params: Params, x: jax.Array, mask: jax.Array | None, training: bool
) -> dict[str, Any]:
    found: dict[str, Any] = chapter_15.forward(config, params, x, mask=mask, training=training)._asdict()
    return found


def _compared_pullback(
    config: ComparisonConfig, params: Params, x: jax.Array, dy: jax.Array, mask: jax.Array | None, training: bool
) -> dict[str, jax.Array]:
    def output(params: Params, x: jax.Array) -> jax.Array:
        y: jax.Array = chapter_15.forward(config, params, x, mask=mask, training=training).y
        return y

    dparams, dx = jax.vjp(output, params, x)[1](dy)
    return {**{name: array for name, array in dparams.items() if name not in STATISTICS}, "x": dx}


def _of_adapter(
    config: AdapterConfig, params: Params, bases: Bases, x: jax.Array, mask: jax.Array | None, training: bool
) -> AdapterOutput:
    return jax_adapt(config, params, bases, x, mask=mask, training=training)


def _pullback_of_adapter(
    config: AdapterConfig,
    params: Params,
    bases: Bases,
    x: jax.Array,
    dy: dict[str, jax.Array],
    mask: jax.Array | None,
    training: bool,
) -> dict[str, jax.Array]:
    def output(params: Params, x: jax.Array) -> dict[str, jax.Array]:
        return jax_adapt(config, params, bases, x, mask=mask, training=training).y

    dparams, dx = jax.vjp(output, params, x)[1](dy)
    return {**{name: array for name, array in dparams.items() if name not in STATISTICS}, "x": dx}


_comparison = compiled(_compared, static=(0, 4), tokens=2)
_comparison_gradients = compiled(_compared_pullback, static=(0, 5), tokens=2, max_size=MAX_SIZE_OF_GRADIENTS)
_forward = compiled(_output, static=(0, 4), tokens=2)
_select = compiled(jax_select, static=(2,), tokens=0)
_gradients = compiled(_pullback, static=(0, 5), tokens=2, max_size=MAX_SIZE_OF_GRADIENTS)
_adapt = compiled(_of_adapter, static=(0, 5), tokens=3)
_adapter_gradients = compiled(_pullback_of_adapter, static=(0, 6), tokens=3, max_size=MAX_SIZE_OF_GRADIENTS)


def _tokens(
    layer: Layer, x: NDArray[Any], mask: NDArray[np.bool_] | None, *, training: bool
) -> tuple[NDArray[Any], NDArray[np.bool_] | None, tuple[int, ...]]:
    """Tokens [T, D], the mask [T] if there is one and batch statistics need it, and the leading axes."""
    tokens, counted, lead = flatten(layer, x, mask)
    if not (training and layer.config.query_norm == "batch"):
        return tokens, None, lead
    if not counted.any():
        raise InputError(_NO_TOKEN)
    return tokens, None if mask is None else counted, lead


def _require_counted(
    layer: ComparisonLayer, x: NDArray[Any], mask: NDArray[np.bool_] | None, *, training: bool
) -> None:
    """Refuse batch statistics of no token, because the values of a mask are not known while tracing."""
    counted = x.size if mask is None else mask.any()
    if training and getattr(layer.config, "query_norm", "none") == "batch" and not counted:
        raise InputError(_NO_TOKEN)


_NO_TOKEN = (
    "batch statistics need at least one token that counts, got none; "
    "pass a non-empty batch whose mask is True somewhere, or training=False (NRM-5)"
)


@contextmanager
def _call_settings(*dtypes: DTypeLike, num_experts: int) -> Iterator[None]:
    """The settings of one call: 64 bits if float64 or the ids need them, and the CPU alone if it is the platform."""
    wide = any(dtype == np.float64 for dtype in dtypes) or num_experts > 2**31
    with jax.enable_x64(wide), for_cpu_alone() if jax.default_backend() == "cpu" else nullcontext():
        yield
