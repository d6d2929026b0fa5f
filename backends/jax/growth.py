"""A layer with more experts, and what an optimiser keeps of it (SPEC.md, chapter 12)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from peerspec.backends.jax.names import flat, like
from peerspec.backends.jax.params import Params, check_params, layer_from_params
from peerspec.reference import PeerConfig
from peerspec.reference.growth import NewValues, growing, grown_config, with_room
from peerspec.reference.growth import grow as grow_layer

__all__ = ["grow", "grow_state"]


def grow(
    config: PeerConfig, params: Params, num_experts: int, *, seed: int = 0, init: NewValues = "random"
) -> tuple[PeerConfig, dict[str, Any]]:
    """The configuration and the parameters with ``num_experts`` experts; the old ones have their bits (GRW-1).

    The new tables are made on the host and then put on JAX's default device; shard them as you sharded the old ones.

    Args:
        config, params: the layer; ``params`` by the names of PAR-1, also nested.
        num_experts: N′ = n′², at least N.
        seed, init: as for ``peerspec.reference.grow``, which gives the same bits.

    Raises:
        ConfigError, TableError: as ``peerspec.reference.grow``.

    Example:
        >>> from peerspec.backends.jax import init
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> config, params = grow(config, init(config, jax.random.key(0)), 25)
        >>> params["experts.u"].shape
        (25, 8)
    """
    check_params(config, flat(params))
    layer = grow_layer(layer_from_params(config, params), num_experts, seed=seed, init=init)
    return layer.config, like(params, {name: jnp.asarray(array) for name, array in layer.params.items()})


def grow_state(state: Any, config: PeerConfig, num_experts: int) -> Any:
    """The state of an optimiser for the grown parameters (GRW-4): new entries are zero.

    A leaf of the state belongs to a parameter if its path ends with the name of the parameter, ``keys`` or
    ``experts.u`` in one dictionary or nested, and if it has an entry for each sub-key or row. The states of Optax and
    of ``optim`` are such trees. All other leaves stay, such as the number of steps.

    Args:
        state: a pytree.
        config: the configuration before growth.
        num_experts: N′.

    Raises:
        ConfigError: as ``peerspec.reference.grow``.

    Example:
        >>> import optax
        >>> from peerspec.backends.jax import init
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> state = optax.adam(1e-3).init(init(config, jax.random.key(0)))
        >>> grow_state(state, config, 25)[0].mu["experts.v"].shape
        (25, 8)
    """
    grown = grown_config(config, num_experts)
    shapes = {name: config.shapes()[name] for name in growing(config)}

    def moved(path: Any, leaf: Any) -> Any:
        name = _name(path, shapes)
        axes = 3 if name == "keys" else 1
        if not name or grown == config or np.shape(leaf)[:axes] != shapes[name][:axes]:
            return leaf
        return jnp.asarray(with_room(name, np.asarray(leaf), grown.n))

    return jax.tree_util.tree_map_with_path(moved, state)


def _name(path: Any, known: Any) -> str:
    """The parameter to which a leaf belongs; empty if there is none."""
    words = ".".join(str(getattr(part, "key", getattr(part, "name", ""))) for part in path)
    return next((name for name in known if words == name or words.endswith(f".{name}")), "")
