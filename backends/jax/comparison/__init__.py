"""The layers that PEER is compared with, in JAX (SPEC.md, chapter 15): pure functions of a configuration and arrays.

    config = equal_dense(peer_config, by="flops_per_token")
    run = jax.jit(forward, static_argnums=0)
    y = run(config, init(config, jax.random.key(0)), x).y

Products keep their precision (PRC-2). A product-key memory retrieves with the operations of PEER.
"""

from peerspec.backends.jax.comparison.expert_choice import ExpertChoiceOutput
from peerspec.backends.jax.comparison.forward import DenseOutput, forward
from peerspec.backends.jax.comparison.params import init, layer_from_params, params_from_layer
from peerspec.backends.jax.comparison.token_choice import TokenChoiceOutput

__all__ = [
    "DenseOutput",
    "ExpertChoiceOutput",
    "TokenChoiceOutput",
    "forward",
    "init",
    "layer_from_params",
    "params_from_layer",
]
