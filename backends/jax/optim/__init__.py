"""Training the rows that a batch touches: gradients of tables as rows, and optimisers of rows for Optax.

A step costs what the batch touched and not what the tables hold. ``row_sgd`` and ``row_adagrad`` do exactly what a step
over all rows would, because a gradient of zero changes nothing there. ``lazy_adam`` is another algorithm than Adam.
The rest of a model has any optimiser of Optax beside them:

    optimiser = optax.partition({"tables": lazy_adam(1e-3), "rest": optax.adamw(1e-3)}, labels)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, tokens):
        loss, gradients = value_and_grad(loss_of)(params, tokens)
        updates, state = optimiser.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

Tables are changed in place where they are donated, as here; else JAX copies them first. Accumulated gradients are
``merged``, and clipped by ``optax.chain(clip_by_global_norm(1.0), optimiser)``. Parameters and state are pytrees of
arrays, to be saved and restored as any others, bit for bit.
"""

from peerspec.backends.jax.optim.adagrad import row_adagrad
from peerspec.backends.jax.optim.adam import lazy_adam
from peerspec.backends.jax.optim.clip import clip_by_global_norm, global_norm
from peerspec.backends.jax.optim.gradient import RowGradient, labels, value_and_grad
from peerspec.backends.jax.optim.merge import merged
from peerspec.backends.jax.optim.sgd import row_sgd
from peerspec.backends.jax.optim.transformation import RowState

__all__ = [
    "RowGradient",
    "RowState",
    "clip_by_global_norm",
    "global_norm",
    "labels",
    "lazy_adam",
    "merged",
    "row_adagrad",
    "row_sgd",
    "value_and_grad",
]
