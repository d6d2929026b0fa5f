"""PEER as a module, with the names of SPEC.md in its state dict."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from os import PathLike
from typing import Any

import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor, nn

from peerspec.backends.torch.arrays import COMPUTE_DTYPES, parameter_dtype, to_array, to_tensor
from peerspec.backends.torch.forward import Output
from peerspec.backends.torch.forward import forward as evaluate
from peerspec.backends.torch.huge_pages import copied, in_huge_pages
from peerspec.reference import Layer, PeerConfig, TableError
from peerspec.reference.config import STATISTICS
from peerspec.reference.initial import STARTS_AT_ONE, initial_scales
from peerspec.reference.storage import write

__all__ = ["PEER"]


class PEER(nn.Module):
    """A layer of parameter efficient experts: y = Σ over heads and their k experts of gate · σ(u·x) · v.

    It has no residual connection and does not normalise x. In training mode with ``query_norm="batch"`` it normalises
    queries with batch statistics and updates the running statistics, which are buffers, in place.

    Args:
        config: the configuration.
        device: the device of the parameters. Default: that of torch.
        dtype: float64, float32, bfloat16 or float16, of the learned parameters. Default: that of torch. Running
            statistics have the compute dtype, also after ``.to(dtype)`` (PAR-5).
        sparse_gradients: make the gradients of u, v and w sparse tensors of the rows that a batch selects, as
            ``torch.nn.Embedding(sparse=True)`` does. A dense gradient is as large as its table for every batch.
            The optimisers of this package accept sparse gradients, and so do ``torch.optim.SGD``, ``Adagrad`` and
            ``SparseAdam``. Under ``torch.compile`` the backward pass raises InputError instead.

    Raises:
        TableError: another dtype.

    Example:
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> layer(torch.randn(2, 3, 8)).shape
        torch.Size([2, 3, 8])
        >>> sorted(layer.state_dict())
        ['experts.u', 'experts.v', 'keys', 'query.weight']
    """

    def __init__(
        self,
        config: PeerConfig,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        sparse_gradients: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self.sparse_gradients = sparse_gradients
        dtype = torch.get_default_dtype() if dtype is None else dtype
        if dtype not in COMPUTE_DTYPES:
            raise TableError(f"parameters must be of dtype {', '.join(map(str, COMPUTE_DTYPES))}, got {dtype} (PAR-5)")
        for name, shape in config.shapes().items():
            owner, leaf = self._owner(name)
            tensor = in_huge_pages(torch.empty(shape, device=device, dtype=parameter_dtype(name, dtype)))
            if name in STATISTICS:
                owner.register_buffer(leaf, tensor)
            else:
                owner.register_parameter(leaf, nn.Parameter(tensor))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw new parameters as ``Layer.random`` does, from torch's generator."""
        scales = initial_scales(self.config)
        for name, tensor in self._tensors().items():
            if name in scales:
                tensor.normal_(0, scales[name])
            else:
                tensor.fill_(name in STARTS_AT_ONE)

    def forward(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Tensor:
        """y [..., M] of tokens x [..., D]; arguments and errors as ``forward_with_routing``."""
        return self.forward_with_routing(x, mask).y

    def forward_with_routing(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Output:
        """y, and the routing: scores, ids and gates [..., h, k].

        Args:
            x: tokens, of the dtype of the parameters; beside float32 parameters also bfloat16 or float16, as other
                layers return under autocast. Autocast has no effect on this layer. y has the dtype of x.
            mask: True where a token counts for batch statistics (NRM-4). Default: all.

        Raises:
            InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2, NRM-5).

        Example:
            >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
            >>> output = layer.forward_with_routing(torch.randn(3, 8))
            >>> output.y.shape, output.indices.shape
            (torch.Size([3, 8]), torch.Size([3, 2, 4]))
        """
        tensors = self._tensors()
        output = evaluate(
            self.config, tensors, x, mask=mask, training=self.training, sparse_gradients=self.sparse_gradients
        )
        for name, statistic in (output.state or {}).items():
            tensors[name].copy_(statistic)
        return output

    @classmethod
    def from_layer(cls, layer: Layer, *, device: torch.device | str | None = None) -> PEER:
        """A module with a copy of the layer's parameters."""
        tensors = {name: to_tensor(array) for name, array in layer.params.items()}
        module = cls(layer.config, device="meta", dtype=tensors["keys"].dtype)
        target = device or torch.get_default_device()
        copies = {name: copied(tensor, target) for name, tensor in tensors.items()}
        module.load_state_dict(copies, assign=True)
        return module

    def to_layer(self) -> Layer:
        """A layer with a copy of the module's parameters.

        Raises:
            TableError: a parameter is not finite (PAR-3), or has no values because it lies on the device meta.

        Example:
            >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
            >>> PEER.from_layer(layer.to_layer()).config == layer.config
            True
        """
        return Layer(self.config, {name: array.copy() for name, array in self._arrays().items()})

    @classmethod
    def load(cls, path: str | PathLike[str], *, prefix: str = "", device: torch.device | str | None = None) -> PEER:
        """Read a layer file (PAR-6), or one layer of a model's file (PAR-8); arguments and errors as ``Layer.load``."""
        return cls.from_layer(Layer.load(path, prefix=prefix), device=device)

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write a layer file (PAR-6); raises as ``Layer.save`` and ``to_layer``."""
        write(self.config, self._arrays(), path, overwrite=overwrite)

    def extra_repr(self) -> str:
        """The configuration."""
        return repr(self.config)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PEER:
        """Apply ``fn`` as every module does, but leave running statistics in the compute dtype (PAR-5)."""
        before = {name: tensor for name, tensor in self._tensors().items() if name in STATISTICS}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # not annotated
        for name, old in before.items():
            owner, leaf = self._owner(name)
            new, dtype = owner.get_buffer(leaf), COMPUTE_DTYPES.get(self.keys.dtype)
            if dtype and new.dtype != dtype:
                setattr(owner, leaf, old.to(new.device, dtype))
        return self

    def _tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by the names of SPEC.md."""
        return {name: attrgetter(name)(self) for name in self.config.shapes()}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Parameters and buffers as arrays, on the same memory where they lie on the CPU."""
        if bare := [name for name, tensor in self._tensors().items() if tensor.is_meta]:
            raise TableError(
                f"{bare[0]} lies on the device meta and has no values; call to_empty and load_state_dict first"
            )
        return {name: to_array(tensor) for name, tensor in self._tensors().items()}

    def _owner(self, name: str) -> tuple[nn.Module, str]:
        """The module that holds a parameter and its name there; ``query.weight`` lives in ``self.query``."""
        group, _, leaf = name.rpartition(".")
        if group and not hasattr(self, group):
            self.add_module(group, nn.Module())
        return self.get_submodule(group), leaf
