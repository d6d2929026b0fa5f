"""The contract of a backend: any object, a module too, with these attributes (SPEC.md, chapter 9).

``forward`` is enough to be judged. Three more are asked for where a profile needs them or a backend offers them:

- ``select(scores1, scores2, k) -> Selection`` for the profile ``select``: half scores [..., n] twice, in the score
  format, to scores and ids [..., k];
- ``gradients(layer, x, dy, *, mask=None) -> dict`` for the profile ``training``: by parameter name, and ``"x"``;
- ``supports(config, dtype) -> True or a reason``: configurations it declines (CNF-2).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from numpy.typing import NDArray

from peerspec.reference import Layer, Output, PeerError

__all__ = ["ALL_PROFILES", "PRECISIONS", "PROFILES", "Backend", "BackendError"]

PRECISIONS = ("float32", "float64", "bfloat16", "float16")
"""The profiles of precision, in the order in which they are judged."""
PROFILES = ("select", "query-bias", "query-norm", "glu", "sigmoid", "per-head-keys", "training")
"""The other profiles that a backend may claim (SPEC.md, 9.1)."""
ALL_PROFILES = frozenset((*PRECISIONS, *PROFILES))


class BackendError(PeerError):
    """A backend that cannot be found, loaded or asked: a fault of the harness, never a failed clause."""


class Backend(Protocol):
    """What every backend has. Arrays are NumPy, bfloat16 through ml_dtypes; inputs are never modified.

    Attributes:
        name: shown in reports.
        profiles: the profiles it claims, at least one precision among them.
    """

    name: str
    profiles: Collection[str]

    def forward(
        self, layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False
    ) -> Output:
        """y [..., M] for x [..., D], with the trace [..., h, k] or None in its place.

        Raises:
            Exception: of any class, in training with query norm ``batch`` where no token counts (NRM-5). Elsewhere
                whatever it raises is a fault of the harness.
        """
        ...
