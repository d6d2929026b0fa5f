"""An optimiser limited to a part of a layer (SPEC.md, chapter 13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from peerspec.backends.jax.names import flat, nested
from peerspec.backends.jax.optim.gradient import RowGradient
from peerspec.backends.jax.optim.transformation import Updated, require_optax
from peerspec.reference import InputError, PeerConfig, Trainable
from peerspec.reference.config import STATISTICS

if TYPE_CHECKING:
    import optax

__all__ = ["only"]


def only(optimiser: optax.GradientTransformation, config: PeerConfig, part: Trainable) -> optax.GradientTransformation:
    """The optimiser, whose steps change no bit outside a part of one layer (TRN-2).

    The inner optimiser sees gradients that are zero outside the part, and gradients of rows lose the rows outside. Its
    updates outside are then dropped, those of weight decay and of momentum included. The state has the form of that of
    the inner optimiser, so a run can go on with another part. Running statistics are no matter of optimisers: call
    ``forward`` with ``training=False`` where the part has no ``statistics``.

    Args:
        optimiser: any transformation of Optax that treats the parameters of one layer, flat or nested.
        config: the configuration of the layer.
        part: its trainable part.

    Raises:
        InputError: the part does not fit the configuration; or from ``update``, no params.
        ImportError: Optax is not installed.

    Example:
        >>> import optax
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> optimiser = only(optax.adamw(1e-3), config, Trainable(experts=np.arange(16) >= 8))
    """
    masks = part.masks(config)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if params is None:
            raise InputError("a limited optimiser needs the parameters, got none; pass params to update")
        inside = _by_name(_inside, masks, updates)
        new, state = optimiser.update(inside, state, params)
        return _by_name(_dropped, masks, new, inside, params), state

    return require_optax().GradientTransformation(optimiser.init, update)


def _by_name(change: Callable[..., Any], masks: Mapping[str, Any], *trees: Any) -> Any:
    """A tree like the first one, each leaf made from the mask and from the leaves of its name in all trees."""
    leaves = [flat(tree) for tree in trees]
    return nested(
        trees[0],
        {
            name: leaf if name in STATISTICS else change(masks[name], *(found[name] for found in leaves))
            for name, leaf in leaves[0].items()
        },
    )


def _inside(mask: np.ndarray, gradient: Any) -> Any:
    if isinstance(gradient, RowGradient):
        rows = jnp.asarray(mask.reshape(-1))
        return gradient._replace(ids=jnp.where(rows[jnp.maximum(gradient.ids, 0)], gradient.ids, -1))
    return jnp.where(mask, gradient, jnp.zeros((), gradient.dtype))


def _dropped(mask: np.ndarray, update: Any, gradient: Any, parameter: jax.Array) -> Any:
    """The update inside; outside −0, because +0 would make +0 of −0. Rows without a gradient have not changed."""
    if isinstance(update, Updated):
        rows_alone = isinstance(gradient, RowGradient)
        return update if rows_alone else Updated(jnp.where(mask, parameter + update, parameter))
    return jnp.where(mask, update, jnp.full((), -0.0, update.dtype))
