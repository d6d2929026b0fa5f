"""Usage and unevenness of a PEER module while it runs, from its own forward passes (SPEC.md, MET-1, MET-3)."""

from __future__ import annotations

from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensor

from peerspec.backends.torch.forward import Output
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.module_names import of_class
from peerspec.backends.torch.usage_sums import UsageSums
from peerspec.reference import InputError, UsageHistory

__all__ = ["Usage"]

Tokens = Literal["all", "counted"]
Mode = Literal["any", "training", "evaluation"]


@runtime_checkable
class ScalarWriter(Protocol):
    """What ``torch.utils.tensorboard.SummaryWriter`` and others have."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Write a number."""


class Usage(UsageSums):
    """The sums of all routings of one layer, from now on: it observes the forward passes, and adds none.

    A forward pass that a checkpoint repeats counts once. An exported or copied layer is not observed. Each process
    counts its own tokens; ``all_reduced`` adds up those of all. A token with a NaN makes the unevenness NaN until
    ``reset``.

    Args:
        layer: the layer. Several objects may observe one layer.
        tokens: ``"all"``, as MET-1 says, or only those that are ``"counted"``: where the mask is True, or where there
            is none.
        mode: the forward passes that are observed: ``"any"``, or only those in ``"training"`` or ``"evaluation"``
            mode.
        history: the rows of ``history`` at most; 0 for no history.

    Attributes:
        layer: the layer.
        sums: as in ``UsageSums``, on the device of the layer; neither a parameter of the layer nor a buffer.
        history: the figures of ``record``, or None.

    Raises:
        InputError: what is no PEER layer, or an unknown option.

    Example:
        >>> from peerspec.backends.torch import PEER, PeerConfig
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> usage = Usage(layer)
        >>> y = layer(torch.randn(100, 8))
        >>> int(usage.counts.sum()), 0 < usage.usage() <= 1
        (800, True)
    """

    def __init__(self, layer: PEER, *, tokens: Tokens = "all", mode: Mode = "any", history: int = 0) -> None:
        if not isinstance(layer, PEER):
            raise InputError(f"usage is that of a PEER layer, got {type(layer).__name__}; for a model, call of_model")
        _require(tokens, Tokens, "tokens")
        _require(mode, Mode, "mode")
        super().__init__(layer.config.num_experts, device=layer.keys.device)
        self.layer = layer
        self.history = UsageHistory(history) if history else None
        self._only_counted, self._mode = tokens == "counted", mode
        layer._observers = (*layer._observers, self._observe)

    @classmethod
    def of_model(
        cls, model: nn.Module, *, tokens: Tokens = "all", mode: Mode = "any", history: int = 0
    ) -> dict[str, Usage]:
        """Observe every PEER layer of a model, by the name of the layer; arguments as for one.

        Raises:
            InputError: there is no PEER layer, or ``model`` is no module.

        Example:
            >>> from peerspec.backends.torch import PEER, PeerConfig
            >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
            >>> list(Usage.of_model(nn.Sequential(nn.LayerNorm(8), layer)))
            ['1']
        """
        layers = of_class(model, PEER)
        if not layers:
            raise InputError(f"usage is that of PEER layers, and this {type(model).__name__} has none")
        return {name: cls(layer, tokens=tokens, mode=mode, history=history) for name, layer in layers.items()}

    def detach(self) -> None:
        """Observe no more; the sums stay."""
        self.layer._observers = tuple(each for each in self.layer._observers if each != self._observe)

    def record(self, step: int) -> None:
        """Add usage and unevenness since ``reset`` to ``history``. It reads all N sums, so it is not for every step.

        Raises:
            InputError: there is no history.
        """
        if self.history is None:
            raise InputError("this usage has no history; give the number of its rows: Usage(layer, history=512)")
        self.history.add(step, usage=self.usage(), unevenness=self.unevenness())

    def write_scalars(self, writer: ScalarWriter, step: int, *, tag: str = "experts") -> None:
        """Write ``<tag>/usage`` and ``<tag>/unevenness`` with a writer of TensorBoard, or one that is called alike."""
        writer.add_scalar(f"{tag}/usage", self.usage(), step)
        writer.add_scalar(f"{tag}/unevenness", self.unevenness(), step)

    def state_dict(self) -> dict[str, Tensor]:
        """The sums themselves by name, and those of the history; all shapes are fixed."""
        if self.history is None:
            return super().state_dict()
        rows, calls = map(torch.from_numpy, (self.history.table, self.history.calls))
        return {**super().state_dict(), "history": rows, "history_calls": calls}

    def _observe(self, output: Output, mask: Tensor | None) -> None:
        other = {"any": None, "training": False, "evaluation": True}[self._mode]
        if self.layer.training is other or _only_traced(output.indices):
            return
        self._move(output.indices.device)
        self.add(output.indices, output.gates, mask if self._only_counted else None)


def _only_traced(ids: Tensor) -> bool:
    """Whether the program is written down for other runtimes, or only the shapes of its results are computed."""
    if torch.compiler.is_compiling():
        return torch.compiler.is_exporting()
    return torch._C._is_tracing() or isinstance(ids, FakeTensor)


def _require(value: str, kind: Any, name: str) -> None:
    if value not in get_args(kind):
        raise InputError(f"{name} must be one of {', '.join(get_args(kind))}, got {value!r}")
