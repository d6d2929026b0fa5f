"""What the modules of chapter 15 share: parameters by the names of SPEC.md, and conversion."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array, to_tensor
from peerspec.backends.torch.checks import require_tensor, require_values
from peerspec.backends.torch.comparison.checks import check_dtype, check_input, check_params
from peerspec.backends.torch.huge_pages import copied
from peerspec.backends.torch.stages import add_tensor, tensor_of
from peerspec.reference.comparison import ComparisonConfig, ComparisonLayer
from peerspec.reference.comparison.initial import initial_scales
from peerspec.reference.comparison.validation import learned_dtype
from peerspec.reference.initial import STARTS_AT_ONE

__all__ = ["ComparisonModule"]

Config = TypeVar("Config", bound=ComparisonConfig)
Module = TypeVar("Module", bound="ComparisonModule[Any]")


class ComparisonModule(nn.Module, Generic[Config]):
    """Base of the modules: a configuration, and its parameters.

    Args:
        config: the configuration.
        device, dtype: of the parameters; those of torch by default.

    Raises:
        TableError: another dtype than float64, float32, bfloat16 or float16.
    """

    config: Config

    def __init__(
        self, config: Config, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.config = config
        dtype = torch.get_default_dtype() if dtype is None else dtype
        check_dtype(dtype)
        self._add_parameters(device, dtype)
        self.reset_parameters()

    def _add_parameters(self, device: torch.device | str | None, dtype: torch.dtype) -> None:
        for name, shape in self.config.shapes().items():
            group, _, leaf = name.rpartition(".")
            if group and group not in self._modules:
                self.add_module(group, nn.Module())
            add_tensor(self._owner(group), name, leaf, shape, device, dtype)

    def _owner(self, group: str) -> Any:
        return self._modules[group] if group else self

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw new parameters as ``ComparisonLayer.random`` does, from torch's generator."""
        scales = initial_scales(self.config)
        for name, tensor in self._tensors().items():
            if tensor.is_meta:
                continue  # it has no values, and torch takes as long as for many
            if name in scales:
                tensor.normal_(0, scales[name])
            else:
                tensor.fill_(name in STARTS_AT_ONE)

    @classmethod
    def from_layer(cls: type[Module], layer: ComparisonLayer, *, device: torch.device | str | None = None) -> Module:
        """A module with a copy of the layer's parameters."""
        tensors = {name: to_tensor(array) for name, array in layer.params.items()}
        module = cls(layer.config, device="meta", dtype=learned_dtype(tensors))
        target = device or torch.get_default_device()
        module.load_state_dict({name: copied(tensor, target) for name, tensor in tensors.items()}, assign=True)
        return module

    def to_layer(self) -> ComparisonLayer:
        """A layer with a copy of the module's parameters.

        Raises:
            TableError: a parameter is not finite, or has no values because it lies on the device meta.
        """
        require_values(self._tensors())
        return ComparisonLayer(self.config, {name: to_array(t).copy() for name, t in self._tensors().items()})

    def extra_repr(self) -> str:
        """The configuration."""
        return repr(self.config)

    def _tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by the names of SPEC.md."""
        found = {}
        for name in self.config.shapes():
            group, _, leaf = name.rpartition(".")
            found[name] = tensor_of(self._owner(group), leaf)
        return found

    def _checked(
        self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None
    ) -> tuple[dict[str, Tensor], Float[Tensor, "T D"], Bool[Tensor, " T"] | None]:
        """Parameters, tokens in the compute dtype and mask, after checking that they fit."""
        require_tensor(x)
        params = self._tensors()
        check_params(self.config, params)
        first = next(iter(params.values()))
        check_input(self.config.d_model, first, x, mask)
        tokens = x.reshape(-1, self.config.d_model).to(COMPUTE_DTYPES[first.dtype])
        return params, tokens, None if mask is None else mask.reshape(-1)
