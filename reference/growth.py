"""A layer with more experts: sub-keys are appended, and old experts keep their pairs and rows (SPEC.md, chapter 12)."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, Shaped
from numpy.typing import NDArray

from peerspec.files.shown import shown
from peerspec.reference.config import PeerConfig
from peerspec.reference.errors import ConfigError
from peerspec.reference.initial import initial_scales, normal
from peerspec.reference.layer import Layer

__all__ = ["NewValues", "grow", "growing", "grown_config", "grown_ids", "with_room", "write_new"]

NewValues = Literal["random", "zero"]
"""The values of new experts: those of a new layer, or these with rows of v that are zero."""
_GROWING = ("keys", "experts.u", "experts.v", "experts.w")
"""A position is part of the seed of new values, so it never changes."""


def grow(layer: Layer, num_experts: int, *, seed: int = 0, init: NewValues = "random") -> Layer:
    """The layer with ``num_experts`` experts (GRW-1). The old layer stays as it is, and so does its file.

    Args:
        layer: the layer, with n sub-keys per half.
        num_experts: N′ = n′², at least N.
        seed: of the new values, at least 0. The values of an expert depend on its pair of sub-keys and the seed, and
            not on N or N′, so growing by steps gives the same layer as growing at once (GRW-3).
        init: ``random`` as in a new layer; ``zero`` the same with v = 0. Even then the output changes: new experts
            take a share of the softmax from old ones.

    Returns:
        A new layer of the same dtype. Sub-keys i and j of the old layer are i and j of the new one, so the expert
        i·n + j becomes i·n′ + j.

    Raises:
        ConfigError: N′ is no perfect square or below N (GRW-2), or the seed or ``init`` is none.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig, grow
        >>> small = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> large = grow(small, 25)
        >>> bool((large.params["experts.u"][2 * 5 + 1] == small.params["experts.u"][2 * 3 + 1]).all())
        True
    """
    config = grown_config(layer.config, num_experts)
    _require_choice(seed, init)
    params: dict[str, NDArray[Any]] = dict(layer.params)
    for name in growing(config):
        params[name] = with_room(name, params[name], config.n)
        if (name, init) != ("experts.v", "zero"):
            write_new(config, name, params[name], layer.config.n, seed)
    return Layer(config, params)


def grown_config(config: PeerConfig, num_experts: int) -> PeerConfig:
    """The configuration with ``num_experts`` experts.

    Raises:
        ConfigError: no perfect square, or fewer experts than before (GRW-2).

    Example:
        >>> grown_config(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4), 16).n
        4
    """
    grown = replace(config, num_experts=num_experts)
    if grown.n < config.n:
        raise ConfigError(
            f"a layer of {config.num_experts} experts cannot grow to {num_experts}; pass a perfect square of at least "
            f"{config.num_experts} (GRW-2)"
        )
    return grown


def grown_ids(n: int, new_n: int) -> Int[np.ndarray, " N"]:
    """The new identifier of each old expert: i·n + j becomes i·n′ + j (GRW-1).

    Example:
        >>> grown_ids(2, 5)
        array([0, 1, 5, 6])
    """
    old = np.arange(new_n)[:n]
    return np.add.outer(old * new_n, old).reshape(-1)


def growing(config: PeerConfig) -> tuple[str, ...]:
    """The names of the parameters that grow."""
    return tuple(name for name in _GROWING if name in config.shapes())


def with_room(name: str, array: Shaped[np.ndarray, ...], new_n: int) -> Shaped[np.ndarray, ...]:
    """The entries of old sub-keys or experts at their new places, and zeros for new ones.

    Args:
        name: the parameter to which the entries belong.
        array: the parameter itself, or numbers that an optimiser keeps for it: [H_k, 2, n, ...] for ``keys``, else
            [N, ...].
        new_n: n′.

    Returns:
        [H_k, 2, n′, ...] or [n′², ...], of the dtype of ``array``.
    """
    if name == "keys":
        grown = np.zeros((*array.shape[:2], new_n, *array.shape[3:]), array.dtype)
        grown[:, :, : array.shape[2]] = array
        return grown
    n, row = isqrt(len(array)), array.shape[1:]
    grown = np.zeros((new_n, new_n, *row), array.dtype)
    grown[:n, :n] = array.reshape(n, n, *row)
    return grown.reshape(new_n**2, *row)


def write_new(config: PeerConfig, name: str, array: Shaped[np.ndarray, ...], old_n: int, seed: int) -> None:
    """Write the values of the new sub-keys or experts into a parameter that ``with_room`` made.

    Each index m of a new sub-key has a generator for each parameter, and each new expert belongs to the larger of its
    sub-keys. So the numbers do not depend on where growth begins or ends.
    """
    scale = initial_scales(config)[name]
    for m in range(old_n, config.n):
        generator = np.random.default_rng([seed, _GROWING.index(name), m])
        if name == "keys":
            array[:, :, m] = normal(generator, array[:, :, m].shape, scale, array.dtype)
        else:
            array[_ids_of(m, config.n)] = normal(generator, (2 * m + 1, array.shape[1]), scale, array.dtype)


def _ids_of(m: int, n: int) -> Int[np.ndarray, " rows"]:
    """The identifiers of the experts whose larger sub-key is m: (0, m) … (m, m), then (m, 0) … (m, m − 1)."""
    return np.concatenate([np.arange(m + 1) * n + m, m * n + np.arange(m)])


def _require_choice(seed: Any, init: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigError(f"the seed of new experts must be a whole number of at least 0, got {shown(seed)} (GRW-3)")
    if init not in ("random", "zero"):
        raise ConfigError(f"init must be 'random' or 'zero', got {shown(init)} (GRW-1)")
