"""The contract of a backend: any object, also a module, with these attributes (SPEC.md, chapter 9).

``forward`` is enough to be judged. More is used if a profile needs it or the backend has it:

- ``select(scores1, scores2, k) -> Selection`` for the profile ``select``: from two half scores [..., n] in the compute
  dtype to scores and ids [..., k];
- ``gradients(layer, x, dy, *, mask=None) -> dict`` for the profile ``training``: by parameter name, and ``"x"``; for
  the profile ``frozen-statistics`` it is also called with ``training=False``;
- ``grow(layer, num_experts, *, seed) -> dict`` for the profile ``growth``: the parameters of the grown layer by name
  (GRW-1); new values are those of this seed, and any exception refuses the number of experts (GRW-2);
- ``train(layer, x, dy, *, experts, keys, query, query_norm, statistics) -> dict`` for the profile ``trainable``: the
  parameters by name after S steps of any optimiser, from x [S, T, D] and upstream gradients dy [S, T, M]; the others
  are bool [S, N], [S, H_k, 2, n] and three times [S], the trainable part in each step (TRN-1);
- ``comparison(layer, x, *, mask=None, training=False) -> dict`` for the profiles ``dense``, ``token-choice``,
  ``expert-choice`` and ``pkm``: ``layer`` is a ``peerspec.reference.comparison.ComparisonLayer`` whose ``config.kind``
  is the profile; the dict holds ``"y"`` [..., M] and the routing of the layer, or y alone: ``"scores"``, ``"indices"``,
  ``"gates"`` and ``"kept"`` [..., k] (TCM-6), ``"scores"`` and ``"chosen"`` [..., E] (XCM-5), or ``"scores"``,
  ``"indices"`` and ``"gates"`` [..., h, k], and after training with query norm ``batch`` the new running statistics by
  name (PKM-3);
- ``comparison_gradients(layer, x, dy, *, mask=None, training=True) -> dict`` for the same profiles: by parameter name,
  and ``"x"``;
- ``adapt(adapter, bases, x, *, training=False) -> dict`` for the profile ``adapter``, from an ``Adapter`` and a dict of
  ``Base`` by target, of the dtype of x and perhaps not of all targets: ``"y.<target>"`` [..., M_τ] for each base, with
  ``"scores"``, ``"indices"`` and ``"gates"`` [..., h, k] or none of these three (ADP-3, CNF-3);
- ``adapter_gradients(adapter, bases, x, dy, *, training=True) -> dict`` for ``adapter`` with ``training``, from dy, a
  dict of [..., M_τ] by target of the bases: the gradient of every learned parameter of the adapter by name, and
  ``"x"``; the tables of targets without a base have gradients of zeros (ADP-5);
- ``computed_by() -> str``, for ``peerspec list --backends``: in one line, what computes on this machine, and why not
  something faster;
- ``supports(config, dtype) -> True or a reason``: whether it takes or declines a configuration (CNF-4); ``dtype`` is
  that of the learned parameters, so float32 in a mixed precision. A reason is a printable text in one line.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol, TypeGuard

from numpy.typing import NDArray

from peerspec.reference import Layer, Output, PeerError

__all__ = [
    "ALL_PROFILES", "COMPARISONS", "LAYER_PROFILES", "MIXED", "NAME", "PRECISIONS", "PROFILES", "Backend",
    "BackendError", "is_name", "is_support",
]  # fmt: skip

MIXED = ("mixed-bfloat16", "mixed-float16")
"""The precisions whose input is narrower than the parameters."""
PRECISIONS = ("float32", "float64", "bfloat16", "float16", *MIXED)
"""The profiles of precision, in the order in which they are judged."""
COMPARISONS = ("dense", "token-choice", "expert-choice", "pkm")
"""The profiles of chapter 15: layers that PEER is compared with."""
PROFILES = (
    "select",
    "query-bias",
    "query-norm",
    "glu",
    "sigmoid",
    "per-head-keys",
    "training",
    "frozen-statistics",
    "growth",
    "trainable",
    "adapter",
    *COMPARISONS,
)
"""The other profiles that a backend may claim (SPEC.md, 9.1)."""
BEYOND_THE_LAYER = frozenset({"growth", "trainable", "adapter", *COMPARISONS})
"""The profiles of what is done with a PEER layer, and of other layers, and not of the function that it computes."""
_NAME_LIMIT = 100
"""Letters of the name of a backend: it stands in one line of a table."""
NAME = f"its name must be a printable text of 1 to {_NAME_LIMIT} letters"
"""What ``is_name`` requires, in words."""
ALL_PROFILES = frozenset((*PRECISIONS, *PROFILES))
LAYER_PROFILES = ALL_PROFILES - BEYOND_THE_LAYER
"""The profiles of the function that a PEER layer computes."""


class BackendError(PeerError):
    """A backend cannot be found, loaded or called: a fault, never a failed clause."""


class Backend(Protocol):
    """The attributes that every backend has. Arrays are NumPy arrays, bfloat16 by ml_dtypes; inputs stay as they are.

    What a call returned stays as it is, too: later calls write to other arrays (IND-4). The suite may pass the same
    arrays again with other values, as a training loop does, so nothing may be stored by address.

    Attributes:
        name: the name in reports, a printable text of 1 to 100 letters.
        profiles: the claimed profiles, with at least one precision.
    """

    name: str
    profiles: Collection[str]

    def forward(
        self, layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False
    ) -> Output:
        """y [..., M] of the dtype of x [..., D], with the routing [..., h, k] or with None instead.

        In a mixed precision x is bfloat16 or float16 and the learned parameters are float32.

        Raises:
            Exception: of any class, in training with query norm ``batch`` if no token counts (NRM-5). Any other
                exception breaks CNF-4: a backend answers what ``supports`` does not decline.
        """
        ...


def is_name(name: object) -> TypeGuard[str]:
    """Whether this may be the name of a backend.

    Example:
        >>> is_name("mine"), is_name(""), is_name("two\\nlines"), is_name(3)
        (True, False, False, False)
    """
    return isinstance(name, str) and 0 < len(name) <= _NAME_LIMIT and name.isprintable()


def is_support(answer: object) -> TypeGuard[bool | str]:
    """Whether this may be the answer of ``supports``: True, or a printable text that is not empty.

    Example:
        >>> is_support(True), is_support("no gelu"), is_support(""), is_support("two\\nlines"), is_support(False)
        (True, True, False, False, False)
    """
    return answer is True or (isinstance(answer, str) and bool(answer) and answer.isprintable())
