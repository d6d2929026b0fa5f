"""PEER as a module of Flax NNX; it needs Flax: ``pip install flax``.

model = PEER(config, rngs=nnx.Rngs(0))
y = model(x)
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from numpy.typing import DTypeLike

from peerspec.backends.jax.forward import Output, forward
from peerspec.backends.jax.names import flat
from peerspec.backends.jax.params import Params, check_params, init, layer_from_params, params_from_layer
from peerspec.reference import InputError, Layer, PeerConfig
from peerspec.reference.config import STATISTICS

try:
    from flax import nnx
except ImportError as error:
    raise ImportError("peerspec.backends.jax.flax needs Flax: pip install flax", name="flax") from error

__all__ = ["PEER"]


class PEER(nnx.Module):
    """A layer of parameter efficient experts, with the names of SPEC.md in its state: ``experts.u`` is ``experts.u``.

    Learned parameters are ``nnx.Param``, running statistics ``nnx.BatchStat``. After ``train()``, with
    ``query_norm="batch"``, a call normalises queries with batch statistics and updates the running ones; after
    ``eval()`` it uses the running ones. A new layer is in the mode training, as other modules of Flax.

    Args:
        config: the configuration.
        param_dtype: the dtype of the learned parameters.
        rngs: the stream ``params`` draws them.
        params: the parameters, instead of new ones; by the names of PAR-1, also nested.

    Raises:
        TableError: another dtype (PAR-5), or params that do not fit the configuration (PAR-1).
        InputError: neither rngs nor params, or both.

    Example:
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4), rngs=nnx.Rngs(0))
        >>> layer(jnp.ones((2, 3, 8))).shape
        (2, 3, 8)
    """

    query: Any
    query_norm: Any
    experts: Any

    def __init__(
        self,
        config: PeerConfig,
        *,
        param_dtype: DTypeLike = jnp.float32,
        rngs: Any = None,
        params: Params | None = None,
    ) -> None:
        if (rngs is None) == (params is None) or not (rngs is None or hasattr(rngs, "params")):
            raise InputError("a module needs rngs for new parameters, or params; pass rngs=nnx.Rngs(0)")
        self.config, self.use_running_average = config, False
        own = init(config, rngs.params(), param_dtype) if params is None else flat(params)
        check_params(config, own)
        self._hold(own)

    def set_view(self, use_running_average: bool | None = None) -> None:
        """Set the mode for ``nnx.view``."""
        if use_running_average is not None:
            self.use_running_average = use_running_average

    def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
        """y [..., M] of tokens x [..., D]; arguments and errors as ``backends.jax.forward``."""
        return self.with_routing(x, mask=mask).y

    def with_routing(self, x: jax.Array, *, mask: jax.Array | None = None) -> Output:
        """y, and the routing: scores, ids and gates [..., h, k]."""
        output = forward(self.config, self.params(), x, mask=mask, training=not self.use_running_average)
        for name, statistic in (output.state or {}).items():
            self.query_norm[name.removeprefix("query_norm.")][...] = statistic
        return output

    def params(self) -> dict[str, jax.Array]:
        """The parameters and running statistics by the names of PAR-1."""
        found = {"keys": self.keys, "query": dict(self.query), "experts": dict(self.experts)}
        if self.config.query_norm != "none":
            found["query_norm"] = dict(self.query_norm)
        return {name: flat(found)[name][...] for name in self.config.shapes()}

    @classmethod
    def from_layer(cls, layer: Layer) -> PEER:
        """A module with the parameters of a layer.

        Raises:
            InputError: the layer is float64 and JAX is restricted to 32 bits.
        """
        return cls(layer.config, params=params_from_layer(layer))

    def to_layer(self) -> Layer:
        """A layer with the parameters of the module; raises as ``layer_from_params``."""
        return layer_from_params(self.config, self.params())

    def _hold(self, params: dict[str, jax.Array]) -> None:
        variables = {
            name: nnx.BatchStat(array) if name in STATISTICS else nnx.Param(array) for name, array in params.items()
        }
        self.keys = variables["keys"]
        for group in ("query", "query_norm", "experts"):
            own = {
                name.removeprefix(f"{group}."): each for name, each in variables.items() if name.startswith(f"{group}.")
            }
            if own:
                setattr(self, group, nnx.Dict(own))
