"""What the optimisers of rows share: an Optax transformation whose updates are tables already changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.step import Step, update_table
from peerspec.reference import InputError

if TYPE_CHECKING:
    import optax

__all__ = ["Rate", "RowState", "Updated", "known", "rate_of", "require_optax", "transformation"]

Rate = float | jax.Array | Callable[[jax.Array], Any]
"""A learning rate: a number, an array, or a schedule of the number of steps before."""


class RowState(NamedTuple):
    """The state of an optimiser of rows, a pytree.

    Attributes:
        steps: [], int32, those taken.
        kept: for each thing the algorithm remembers a tree like the parameters, in the compute dtype.
    """

    steps: jax.Array
    kept: tuple[Any, ...]


class Updated:
    """The update of a parameter, which as a sum with it is the new parameter; nothing else can be done with it.

    No pytree: what would scale or add updates cannot reach the table in it, and it does not leave ``jit``.
    """

    __array_ufunc__ = None  # so that NumPy's arrays leave the sum to it

    def __init__(self, table: jax.Array) -> None:
        self._table = table

    def __radd__(self, parameter: Any) -> jax.Array:
        return self._table


def known(name: str, number: float, below: float = math.inf) -> float:
    """An option that is fixed when the optimiser is made.

    Raises:
        InputError: it is an array, negative, or not below a bound.
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


def rate_of(rate: Rate) -> float:
    """The part of a learning rate that is known while tracing; 1 for what is not.

    Raises:
        InputError: it is negative.
    """
    return 1.0 if callable(rate) or isinstance(rate, jax.Array) else known("learning_rate", rate)


def transformation(step: Step, rate: Rate) -> optax.GradientTransformation:
    """The optimiser as a transformation of Optax.

    Raises:
        ImportError: Optax is not installed.
    """
    optax = require_optax()

    def init(params: Any) -> RowState:
        leaves, structure = _flat(params)
        states = [step.new_state(leaf) for leaf in leaves]
        return RowState(jnp.zeros((), jnp.int32), tuple(map(structure.unflatten, zip(*states, strict=True))))

    def update(updates: Any, state: RowState, params: Any = None) -> tuple[Any, RowState]:
        if params is None:
            raise InputError("an optimiser of rows changes the tables in place; pass params to update")
        tables, structure = _flat(params)
        gradients, *kept = (structure.flatten_up_to(tree) for tree in (updates, *state.kept))
        steps, factor = optax.safe_increment(state.steps), jnp.asarray(_factor(rate, state.steps))
        new = [
            update_table(step, table, gradient, list(remembered), factor, steps)
            for table, gradient, *remembered in zip(tables, gradients, *kept, strict=True)
        ]
        changed = structure.unflatten([Updated(table) for table, *_ in new])
        trees = zip(*(remembered for _, *remembered in new), strict=True)
        return changed, RowState(steps, tuple(map(structure.unflatten, trees)))

    return optax.GradientTransformation(init, update)


def _flat(tree: Any) -> tuple[list[jax.Array], Any]:
    leaves, structure = jax.tree.flatten(tree)
    return leaves, structure


def _factor(rate: Rate, count: jax.Array) -> Any:
    if callable(rate):
        return rate(count)
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
