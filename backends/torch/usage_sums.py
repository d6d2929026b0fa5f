"""Sums over routings: how often each expert was selected, and the sum of its gates (SPEC.md, MET-1, MET-3)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from peerspec.backends.torch.count_experts import count_experts
from peerspec.backends.torch.huge_pages import in_huge_pages
from peerspec.reference import InputError, unevenness_of_sums, usage_of_counts

__all__ = ["UsageSums"]

NO_FLOAT64 = ("mps",)
"""Types of devices without float64."""


class UsageSums:
    """Counts and sums of gates, to which routings are added one after the other.

    Usage and unevenness are those of the concatenated routings. Counts are exact up to 2⁵³, and gates are summed in
    float64. The memory is fixed, 16 bytes for each expert, and an addition reads and writes only touched rows.

    Args:
        num_experts: N.
        device: where the sums lie; on the CPU instead if the device has no float64.

    Attributes:
        sums: float64 [N, 2], how often each expert was selected, and the sum of its gates: the whole state.

    Example:
        >>> sums = UsageSums(4)
        >>> sums.add(torch.tensor([[[0, 3], [3, 3]]]), torch.full((1, 2, 2), 0.5))
        >>> sums.counts.tolist(), sums.gate_sums.tolist(), sums.usage()
        ([1, 0, 0, 3], [0.5, 0.0, 0.0, 1.5], 0.5)
    """

    sums: Float[Tensor, "N 2"]

    def __init__(self, num_experts: int, *, device: torch.device | str | None = None) -> None:
        self.sums = _zeros(num_experts, torch.get_default_device() if device is None else torch.device(device))

    @property
    def num_experts(self) -> int:
        """N."""
        return len(self.sums)

    @property
    def counts(self) -> Int[Tensor, " N"]:
        """How often each expert was selected, int64 [N], a copy."""
        return self.sums[:, 0].long()

    @property
    def gate_sums(self) -> Float[Tensor, " N"]:
        """The sum of the gates of each expert, float64 [N], a copy."""
        return self.sums[:, 1].clone()

    def add(
        self,
        indices: Int[Tensor, "*lead h k"],
        gates: Float[Tensor, "*lead h k"],
        mask: Bool[Tensor, "*lead"] | None = None,
    ) -> None:
        """Add a routing; it keeps no graph alive.

        A routing that is computed within a backward pass is not added: it is that of a checkpoint, and was added
        before.

        Args:
            indices, gates: of the selected experts.
            mask: where it is False, a token is not added. Default: all are.
        """
        count_experts(self.sums, indices.detach(), gates.detach(), mask)

    def usage(self) -> float:
        """The fraction of the experts that were selected at least once (MET-1)."""
        return usage_of_counts(self._values()[:, 0])

    def unevenness(self) -> float:
        """log N + Σ z log z in nats, computed in float64; NaN where the sum of all gates is 0 (MET-3)."""
        return unevenness_of_sums(self._values()[:, 1])

    def arrays(self) -> tuple[Int[np.ndarray, " N"], Float[np.ndarray, " N"]]:
        """Counts and sums of gates as NumPy arrays, for ``peerspec.plots.LayerUsage``; copies."""
        values = self._values()
        return values[:, 0].astype(np.int64), values[:, 1].copy()

    def reset(self) -> None:
        """Set all sums to 0."""
        self.sums.zero_()

    def merge(self, other: UsageSums) -> None:
        """Add the sums of another.

        Raises:
            InputError: it has another number of experts.
        """
        if other.num_experts != self.num_experts:
            raise InputError(
                f"only sums of the same experts can be merged, got {other.num_experts} beside {self.num_experts} "
                "experts; merge those of one layer"
            )
        self.sums += other.sums.to(self.sums.device)

    def all_reduced(self, group: torch.distributed.ProcessGroup | None = None) -> UsageSums:
        """New sums over the tokens of all processes; those of this process stay as they are.

        Args:
            group: the processes, each of which calls this. Default: all.

        Raises:
            InputError: no process group was initialised.
        """
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            raise InputError(
                "sums over processes need a process group; call torch.distributed.init_process_group first"
            )
        total = UsageSums(self.num_experts, device=self.sums.device)
        total.merge(self)
        torch.distributed.all_reduce(total.sums, group=group)
        return total

    def state_dict(self) -> dict[str, Tensor]:
        """The sums themselves by name, as ``Module.state_dict`` gives parameters."""
        return {"sums": self.sums}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Copy the sums of ``state_dict``.

        Raises:
            InputError: other names, shapes or dtypes; nothing is copied then.
        """
        own = self.state_dict()
        expected, got = _listed(own), _listed(state)
        if expected != got:
            raise InputError(
                f"the state of this usage has {expected}, got {got}; load it where layer and options are the same"
            )
        for name, tensor in own.items():
            tensor.copy_(state[name])

    def _values(self) -> Float[np.ndarray, "N 2"]:
        if self.sums.is_meta:
            raise InputError("a layer on the device meta has no usage; call to_empty and load_state_dict first")
        found: Float[np.ndarray, "N 2"] = self.sums.cpu().numpy()
        return found

    def _move(self, device: torch.device) -> None:
        """Follow a layer to its device; on the device meta nothing was added."""
        if self.sums.device != _home(device):
            moved = _zeros(self.num_experts, device)
            self.sums = moved if self.sums.is_meta else moved.copy_(self.sums)


def _zeros(num_experts: int, device: torch.device) -> Float[Tensor, "N 2"]:
    with torch.inference_mode(mode=False):  # what is made in inference mode cannot be changed outside
        return in_huge_pages(torch.zeros(num_experts, 2, dtype=torch.float64, device=_home(device)))


def _home(device: torch.device) -> torch.device:
    return torch.device("cpu") if device.type in NO_FLOAT64 else device


def _listed(state: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {each.dtype} {list(each.shape)}" for name, each in sorted(state.items())) or "nothing"
