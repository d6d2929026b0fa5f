"""The common part of the optimisers of rows: a transformation of Optax whose updates are tables already updated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.algorithm import Algorithm
from peerspec.backends.jax.optim.update_table import update_table
from peerspec.reference import InputError

if TYPE_CHECKING:
    import optax

__all__ = ["Rate", "RowState", "Updated", "fixed_option", "fixed_rate", "require_optax", "transformation"]

Rate = float | jax.Array | Callable[[jax.Array], Any]
"""A learning rate: a number, an array, or a schedule that takes the number of steps before this one."""


class RowState(NamedTuple):
    """The state of an optimiser of rows, a pytree.

    Attributes:
        steps: [], int32, the number of steps so far.
        accumulators: one tree like the parameters for each quantity that the algorithm accumulates, in the compute
            dtype: none for SGD, the sums of Adagrad, the two moments of Adam.
    """

    steps: jax.Array
    accumulators: tuple[Any, ...]


class Updated:
    """The update of a parameter: parameter + update is the new parameter, and no other operation is defined.

    It is no pytree, so nothing can scale or add the table in it, and ``jit`` does not return it.
    """

    __array_ufunc__ = None  # NumPy arrays leave the addition to this class

    def __init__(self, table: jax.Array) -> None:
        self._table = table

    def __radd__(self, parameter: Any) -> jax.Array:
        return self._table


def fixed_option(name: str, number: float, below: float = math.inf) -> float:
    """A hyperparameter that is fixed when the optimiser is made.

    Raises:
        InputError: it is an array, negative, or not less than ``below``.
    """
    if isinstance(number, jax.Array):
        raise InputError(
            f"{name} must be a number known while tracing, got an array; name it among static_args of "
            "optax.inject_hyperparams"
        )
    if not 0 <= number < below:
        raise InputError(
            f"{name} must {'not be negative' if below == math.inf else f'lie in [0, {below})'}, got {number}"
        )
    return float(number)


def fixed_rate(rate: Rate) -> float:
    """The learning rate if it is a number; 1 for an array or a schedule, which ``_factor`` gives at each step.

    Raises:
        InputError: it is negative.
    """
    return 1.0 if callable(rate) or isinstance(rate, jax.Array) else fixed_option("learning_rate", rate)


def transformation(algorithm: Algorithm, rate: Rate) -> optax.GradientTransformation:
    """The optimiser as a transformation of Optax.

    Raises:
        ImportError: Optax is not installed.
    """
    optax = require_optax()

    def init(params: Any) -> RowState:
        leaves, structure = _flat(params)
        states = [algorithm.new_state(leaf) for leaf in leaves]
        return RowState(jnp.zeros((), jnp.int32), tuple(map(structure.unflatten, zip(*states, strict=True))))

    def update(updates: Any, state: RowState, params: Any = None) -> tuple[Any, RowState]:
        if params is None:
            raise InputError("an optimiser of rows needs the tables that it updates, got none; pass params to update")
        tables, structure = _flat(params)
        gradients, *states = (structure.flatten_up_to(tree) for tree in (updates, *state.accumulators))
        steps, factor = optax.safe_increment(state.steps), jnp.asarray(_factor(rate, state.steps))
        new = [
            update_table(algorithm, table, gradient, list(accumulated), factor, steps)
            for table, gradient, *accumulated in zip(tables, gradients, *states, strict=True)
        ]
        updated = structure.unflatten([Updated(table) for table, *_ in new])
        accumulators = zip(*(accumulated for _, *accumulated in new), strict=True)
        return updated, RowState(steps, tuple(map(structure.unflatten, accumulators)))

    return optax.GradientTransformation(init, update)


def _flat(tree: Any) -> tuple[list[jax.Array], Any]:
    leaves, structure = jax.tree.flatten(tree)
    return leaves, structure


def _factor(rate: Rate, steps: jax.Array) -> Any:
    if callable(rate):
        return rate(steps)
    return rate if isinstance(rate, jax.Array) else 1.0


def require_optax() -> Any:
    """The module ``optax``.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import optax
    except ModuleNotFoundError as error:
        if error.name != "optax":
            raise
        raise ImportError("the optimisers of rows need Optax, which is not installed; run: pip install optax") from None
    return optax
