"""Training only the rows that a batch touches: gradients of tables as rows, and optimisers of rows for Optax.

The cost of a step depends on the touched rows and not on the size of the tables. ``row_sgd`` and ``row_adagrad`` are
equal to a step over all rows, because a gradient of zero changes nothing there. ``lazy_adam`` is another algorithm than
Adam. Other learned parameters can have any optimiser of Optax. Running statistics have none:

    kinds = {"tables": lazy_adam(1e-3), "statistics": optax.set_to_zero(), "rest": optax.adamw(1e-3)}
    optimiser = optax.partition(kinds, labels)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, tokens):
        loss, gradients = value_and_grad(loss_of)(params, tokens)
        updates, state = optimiser.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

With query norm ``batch``, ``loss_of`` also returns ``Output.state``, and the step puts it in place of the old running
statistics. Tables are updated in place if they are donated, as here; otherwise JAX copies them first. ``merged`` adds
accumulated gradients, and ``optax.chain(clip_by_global_norm(1.0), optimiser)`` clips them. Parameters and state are
pytrees of arrays; a run resumes from a saved copy bit for bit.
"""

from peerspec.backends.jax.optim.adagrad import row_adagrad
from peerspec.backends.jax.optim.adam import lazy_adam
from peerspec.backends.jax.optim.clip import clip_by_global_norm, global_norm
from peerspec.backends.jax.optim.gradient import RowGradient, labels, value_and_grad
from peerspec.backends.jax.optim.merge import merged
from peerspec.backends.jax.optim.only import only
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
    "only",
    "row_adagrad",
    "row_sgd",
    "value_and_grad",
]
