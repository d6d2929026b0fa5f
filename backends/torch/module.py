"""PEER as a module, with the names of SPEC.md in its state dict."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor, nn

from peerspec.backends.torch.arrays import COMPUTE_DTYPES, is_dtensor, to_array, to_tensor
from peerspec.backends.torch.checks import require_tensor, require_values
from peerspec.backends.torch.forward import Output, RoutingStages, Stages, evaluate, fits_one_operator, in_one_operator
from peerspec.backends.torch.huge_pages import copied
from peerspec.backends.torch.onnx_node import becomes_node
from peerspec.backends.torch.stages import Experts, Query, QueryNorm, add_tensor, is_plain, reset, tensor_of
from peerspec.reference import InputError, Layer, PeerConfig, TableError
from peerspec.reference.storage import read, write

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
            Where a tool gathers or computes a table (FSDP, parametrizations, pruning), its gradient is dense.
            The optimisers of this package accept sparse gradients, and so do ``torch.optim.SGD``, ``Adagrad`` and
            ``SparseAdam``. With ``create_graph=True`` gradients are dense. Under ``torch.compile`` the backward pass
            raises InputError instead.

    Raises:
        TableError: another dtype.

    Example:
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> layer(torch.randn(2, 3, 8)).shape
        torch.Size([2, 3, 8])
        >>> sorted(layer.state_dict())
        ['experts.u', 'experts.v', 'keys', 'query.weight']
    """

    keys: nn.Parameter
    _observers: tuple[Callable[[Output, Tensor | None], None], ...] = ()
    """Called with each output and its mask."""

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
        dtype = torch.get_default_dtype() if dtype is None else dtype
        if dtype not in COMPUTE_DTYPES:
            raise TableError(f"parameters must be of dtype {', '.join(map(str, COMPUTE_DTYPES))}, got {dtype} (PAR-5)")
        add_tensor(self, "keys", "keys", config.shapes()["keys"], device, dtype)
        self.query = Query(config, device, dtype)
        self.query_norm = None if config.query_norm == "none" else QueryNorm(config, device, dtype)
        self.experts = Experts(config, device, dtype, sparse=sparse_gradients)
        self.reset_parameters()

    @property
    def sparse_gradients(self) -> bool:
        """Whether the gradients of the tables are sparse."""
        return self.experts.sparse

    @sparse_gradients.setter
    def sparse_gradients(self, sparse: bool) -> None:
        self.experts.sparse = sparse

    def reset_parameters(self) -> None:
        """Draw new parameters as ``Layer.random`` does, from torch's generator."""
        for name, tensor in self._tensors().items():
            reset(self.config, name, tensor)
        if any(map(is_dtensor, self.experts.parameters())):
            from peerspec.backends.torch.split_tables.tables import give_to_all

            give_to_all(self)

    def forward(self, x: Float[Tensor, "*lead D"], mask: Bool[Tensor, "*lead"] | None = None) -> Tensor:
        """y [..., M] of tokens x [..., D]; arguments and errors as ``forward_with_routing``.

        x may be a jagged nested tensor, as for ``torch.nn.Linear``; then y is one too, and there is no mask.
        """
        require_tensor(x)
        if x.is_nested and x.layout == torch.jagged and mask is None:
            jagged: Any = x
            if jagged.lengths() is not None or jagged._ragged_idx != 1:
                raise InputError(
                    "jagged tokens must be contiguous, [B, jagged, D]; call contiguous(), or pass a dense tensor"
                )
            return torch.nested.nested_tensor_from_jagged(self.forward(jagged.values()), jagged.offsets())
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
        require_tensor(x)
        if becomes_node() or (
            fits_one_operator(self.config) and not self._learns(x) and is_plain(self.query) and is_plain(self.experts)
        ):
            output = in_one_operator(self.config, self._tensors(), x, mask=mask, training=self._trains_statistics)
        else:
            output = evaluate(self.config, self.keys, self._stages(), x, mask=mask)
        for observe in self._observers:
            observe(output, mask)
        return output

    def _learns(self, x: Tensor) -> bool:
        """Whether a derivative may be wanted."""
        if not torch.is_grad_enabled() or x.requires_grad or self.keys.requires_grad:
            return torch.is_grad_enabled()
        parameters = list(self.parameters())  # dynamo takes no generator
        return any(parameter.requires_grad for parameter in parameters)

    @property
    def _trains_statistics(self) -> bool:
        return self.training and not (self.query_norm is not None and self.query_norm.frozen_statistics)

    def _stages(self) -> Stages:
        """The modules that own parameters: what a tool does around their forward takes effect."""
        dtype, norm = self.keys.dtype, self.query_norm
        routing = RoutingStages(
            lambda tokens, narrow: self.query(tokens, dtype, narrow),
            lambda q, mask: (q, None) if norm is None else norm(q, dtype, mask),
        )
        return Stages(
            routing,
            lambda tokens, ids, gates: self.experts(tokens, ids, gates, dtype),
        )

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
    def load(
        cls,
        path: str | PathLike[str],
        *,
        prefix: str = "",
        device: torch.device | str | None = None,
        mmap: bool = False,
    ) -> PEER:
        """Read a layer file (PAR-6), or one layer of a model's file (PAR-8); arguments and errors as ``Layer.load``.

        Args:
            path, prefix: as for ``Layer.load``.
            device: as for ``from_layer``.
            mmap: leave the parameters in the file, on the CPU, for inference: the system reads a row when it is first
                used, and processes that map one file share what is read. So tables may be larger than memory. The
                values are not checked (PAR-3), parameters require no gradient, and what is written to them stays in
                this process.

        Raises:
            InputError: ``mmap`` for another device than the CPU.
        """
        if not mmap:
            return cls.from_layer(Layer.load(path, prefix=prefix), device=device)
        if torch.device(device or "cpu").type != "cpu":
            raise InputError(f"a memory-mapped layer lies on the CPU, got the device {device}; load it without mmap")
        config, params = read(path, prefix, copy_on_write=True)
        tensors = {name: to_tensor(array) for name, array in params.items()}
        module = cls(config, device="meta", dtype=tensors["keys"].dtype)
        module.load_state_dict(tensors, assign=True)
        return module.requires_grad_(False).eval()

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write a layer file (PAR-6); raises as ``Layer.save`` and ``to_layer``."""
        write(self.config, self._arrays(), path, overwrite=overwrite)

    def extra_repr(self) -> str:
        """The configuration."""
        return repr(self.config)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: nothing observes it."""
        return {name: value for name, value in self.__dict__.items() if name != "_observers"}

    def _tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by the names of SPEC.md."""
        found = {}
        for name in self.config.shapes():
            group, _, leaf = name.rpartition(".")
            owner: Any = self._modules[group] if group else self
            found[name] = tensor_of(owner, leaf)
        return found

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Parameters and buffers as arrays, on the same memory where they lie on the CPU."""
        require_values(self._tensors())
        if split := [name for name, tensor in self._tensors().items() if is_dtensor(tensor)]:
            raise TableError(
                f"{split[0]} is split over several processes; write the layer with peerspec.backends.torch.sharded.save"
            )
        return {name: to_array(tensor) for name, tensor in self._tensors().items()}
