"""The contract of a backend over one device of PyTorch: NumPy arrays in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from peerspec.backends.protocol import ALL_PROFILES
from peerspec.backends.torch import selection
from peerspec.backends.torch.adapter.functional import Bases, adapt
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array, to_tensor
from peerspec.backends.torch.compared import comparison, comparison_gradients
from peerspec.backends.torch.forward import forward as evaluate
from peerspec.backends.torch.growth import grow
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.trainable import train_part
from peerspec.reference import Adapter, Base, InputError, Layer, Output, Selection, Trainable
from peerspec.reference.comparison import ComparisonLayer
from peerspec.reference.config import STATISTICS

__all__ = ["OnDevice"]


class OnDevice:
    """The layer on one device.

    Args:
        name: of the backend.
        device: such as ``"cpu"`` or ``"cuda"``.
    """

    profiles = ALL_PROFILES

    def __init__(self, name: str, device: str) -> None:
        self.name, self._device = name, torch.device(device)

    def forward(
        self, layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False
    ) -> Output:
        """Evaluate the layer; see ``peerspec.reference.forward``, errors included."""
        with torch.no_grad():
            out = evaluate(
                layer.config, self._tensors(layer), self._tensor(x), mask=self._optional(mask), training=training
            )
        state = None if out.state is None else {key: to_array(value) for key, value in out.state.items()}
        return Output(to_array(out.y), to_array(out.scores), to_array(out.indices), to_array(out.gates), state)

    def select(self, scores1: NDArray[Any], scores2: NDArray[Any], k: int) -> Selection:
        """The selection alone; see ``peerspec.reference.select_exhaustive``, errors included."""
        with torch.no_grad():
            scores, indices = selection.select(self._tensor(scores1), self._tensor(scores2), k)
        return Selection(to_array(scores), to_array(indices))

    def gradients(
        self,
        layer: Layer,
        x: NDArray[Any],
        dy: NDArray[Any],
        *,
        mask: NDArray[Any] | None = None,
        training: bool = True,
    ) -> dict[str, NDArray[Any]]:
        """The gradient of Σ dy·y by parameter name and ``"x"``; see ``peerspec.reference.gradients``."""
        tensors = self._tensors(layer)
        tokens, upstream = self._tensor(x), self._tensor(dy)
        learned = {key: tensor for key, tensor in tensors.items() if key not in STATISTICS} | {"x": tokens}
        with torch.enable_grad():
            for tensor in learned.values():
                tensor.requires_grad_(tensor.dtype in COMPUTE_DTYPES)
            y = evaluate(layer.config, tensors, tokens, mask=self._optional(mask), training=training).y
            if upstream.shape != y.shape or upstream.dtype != y.dtype:
                got = f"{upstream.dtype} of shape {tuple(upstream.shape)}"
                raise InputError(f"dy must be {y.dtype} of shape {tuple(y.shape)}, got {got}")
            found = torch.autograd.grad(y, list(learned.values()), upstream)
        return {key: to_array(gradient) for key, gradient in zip(learned, found, strict=True)}

    def grow(self, layer: Layer, num_experts: int, *, seed: int) -> dict[str, NDArray[Any]]:
        """The parameters of the grown layer by name; see ``peerspec.backends.torch.grow``."""
        return dict(grow(PEER.from_layer(layer, device=self._device), num_experts, seed=seed).to_layer().params)

    def train(self, layer: Layer, x: NDArray[Any], dy: NDArray[Any], **parts: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The parameters after steps of SGD with momentum and weight decay, each limited to a part (chapter 13)."""
        module = PEER.from_layer(layer, device=self._device)
        optimiser = torch.optim.SGD(module.parameters(), lr=2.0**-4, momentum=0.9, weight_decay=2.0**-3)
        for tokens, upstream, part in zip(x, dy, Trainable.by_steps(**parts), strict=True):
            optimiser.zero_grad()
            with train_part(module, part, optimiser):
                module(self._tensor(tokens)).backward(self._tensor(upstream))
                optimiser.step()
        return dict(module.to_layer().params)

    def comparison(
        self, layer: ComparisonLayer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False
    ) -> dict[str, NDArray[Any]]:
        """y and the routing of a layer of chapter 15 by name, errors included."""
        return comparison(self._device, layer, x, mask=mask, training=training)

    def comparison_gradients(
        self,
        layer: ComparisonLayer,
        x: NDArray[Any],
        dy: NDArray[Any],
        *,
        mask: NDArray[Any] | None = None,
        training: bool = True,
    ) -> dict[str, NDArray[Any]]:
        """The gradients of a layer of chapter 15 by parameter name and ``"x"``."""
        return comparison_gradients(self._device, layer, x, dy, mask=mask, training=training)

    def adapt(
        self, adapter: Adapter, bases: Mapping[str, Base], x: NDArray[Any], *, training: bool = False
    ) -> dict[str, NDArray[Any]]:
        """``y.<target>`` of each base, and the routing; see ``peerspec.reference.adapt``."""
        with torch.no_grad():
            out = adapt(adapter.config, self._tensors(adapter), self._bases(bases), self._tensor(x), training=training)
        found = {f"y.{name}": y for name, y in out.y.items()}
        found |= {"scores": out.scores, "indices": out.indices, "gates": out.gates}
        return {name: to_array(tensor) for name, tensor in found.items()}

    def adapter_gradients(
        self,
        adapter: Adapter,
        bases: Mapping[str, Base],
        x: NDArray[Any],
        dy: Mapping[str, NDArray[Any]],
        *,
        training: bool = True,
    ) -> dict[str, NDArray[Any]]:
        """The gradients of Σ dy·y over the targets; see ``peerspec.reference.adapter_gradients``."""
        tensors, tokens = self._tensors(adapter), self._tensor(x)
        learned = {key: tensor for key, tensor in tensors.items() if key not in STATISTICS} | {"x": tokens}
        with torch.enable_grad():
            for tensor in learned.values():
                tensor.requires_grad_()
            y = adapt(adapter.config, tensors, self._bases(bases), tokens, training=training).y
            if dy.keys() != y.keys() or any(dy[name].shape != tuple(each.shape) for name, each in y.items()):
                raise InputError(f"dy must have the shape of y for each of {', '.join(y)} (ADP-5)")
            upstream = [self._tensor(dy[name]) for name in y]
            found = torch.autograd.grad(
                list(y.values()), list(learned.values()), upstream, allow_unused=True, materialize_grads=True
            )
        return {key: to_array(gradient) for key, gradient in zip(learned, found, strict=True)}

    def _bases(self, bases: Mapping[str, Base]) -> Bases:
        return {name: (self._tensor(base.weight), self._optional(base.bias)) for name, base in bases.items()}

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return to_tensor(array).to(self._device)

    def _tensors(self, layer: Layer | Adapter) -> dict[str, Tensor]:
        return {key: self._tensor(array) for key, array in layer.params.items()}

    def _optional(self, array: NDArray[Any] | None) -> Tensor | None:
        return None if array is None else self._tensor(array)
