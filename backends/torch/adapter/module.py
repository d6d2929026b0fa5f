"""An adapter as a module, with the names of ADP-1 in its state dict."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from peerspec.backends.torch.adapter.change import change
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array, to_tensor
from peerspec.backends.torch.checks import require_tensor, require_values
from peerspec.backends.torch.forward import Routing, RoutingStages, route, wants_derivative
from peerspec.backends.torch.huge_pages import copied
from peerspec.backends.torch.stages import Query, QueryNorm, add_tensor, reset, tensor_of
from peerspec.reference import Adapter, AdapterConfig, TableError

__all__ = ["PEERAdapter"]


class PEERAdapter(nn.Module):
    """A pool of small changes of linear maps, of which each token picks h·k for every target (ADP-1 … ADP-5).

    ``add_adapters`` puts it beside the linear maps of a model. It holds no base, and its v start at zero, so that a new
    one adds nothing.

    Args:
        config: the configuration.
        device, dtype: as for ``PEER``.
        sparse_gradients: make the gradients of u and v sparse tensors of the experts that a batch selects.
            ``torch.optim.SGD``, ``Adagrad`` and ``SparseAdam`` accept them, and so do the optimisers of this package.

    Raises:
        TableError: another dtype.

    Example:
        >>> adapter = PEERAdapter(AdapterConfig(8, 2, 16, 4, 4, targets={"q": 8, "v": 6}, rank=2))
        >>> {name: added.shape for name, added in adapter(torch.randn(3, 8)).items()}
        {'q': torch.Size([3, 8]), 'v': torch.Size([3, 6])}
        >>> [name for name in adapter.state_dict() if name.startswith("targets.q")]
        ['targets.q.u', 'targets.q.v']
    """

    keys: nn.Parameter
    targets: nn.Module

    def __init__(
        self,
        config: AdapterConfig,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        sparse_gradients: bool = False,
    ) -> None:
        super().__init__()
        self.config, self.sparse_gradients = config, sparse_gradients
        dtype = torch.get_default_dtype() if dtype is None else dtype
        if dtype not in COMPUTE_DTYPES:
            raise TableError(f"parameters must be of dtype {', '.join(map(str, COMPUTE_DTYPES))}, got {dtype} (PAR-5)")
        router = config.router
        add_tensor(self, "keys", "keys", router.shapes()["keys"], device, dtype)
        self.query = Query(router, device, dtype)
        self.query_norm = None if router.query_norm == "none" else QueryNorm(router, device, dtype)
        self.targets = nn.Module()
        for name in config.targets:
            # not an attribute: a target may be called "forward" or "train"
            self.targets._modules[name] = _Target(config, name, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters as ``Adapter.random`` does, from torch's generator; v is zero."""
        for name, tensor in self._tensors().items():
            if name.startswith("targets."):
                _reset_table(self.config, name, tensor)
            else:
                reset(self.config.router, name, tensor)

    def forward(self, x: Float[Tensor, "*lead D"]) -> dict[str, Tensor]:
        """What each target adds to its base, α Σ gate · Σ_ρ (u_ρ·x) v_ρ, [..., M_τ] in the compute dtype.

        Args:
            x: tokens, of the dtype of the parameters; beside float32 parameters also bfloat16 or float16.

        Raises:
            InputError: shapes or dtypes that do not fit the adapter (SHP-1, PAR-5).
        """
        at, alpha, lead = self.route(x), self.config.alpha, x.shape[:-1]
        widths = self.config.targets.items()
        return {name: (alpha * self.change(name, at)).view(*lead, width) for name, width in widths}

    def route(self, x: Float[Tensor, "*lead D"]) -> Routing:
        """The routing of tokens, which all targets share (ADP-2)."""
        require_tensor(x)
        dtype, norm = self.keys.dtype, self.query_norm
        stages = RoutingStages(
            lambda tokens, narrow: self.query(tokens, dtype, narrow),
            lambda q, mask: (q, None) if norm is None else norm(q, dtype, mask),
        )
        constant = not wants_derivative(x, *list(self.parameters()))  # dynamo takes no generator
        return route(self.config.router, self.keys, stages, x, constant=constant)

    def change(self, target: str, at: Routing) -> Float[Tensor, "T M"]:
        """What a target adds, without the factor α, in the compute dtype."""
        table: Any = self.targets._modules[target]
        added: Tensor = table(at, self.sparse_gradients)
        return added

    @classmethod
    def from_adapter(cls, adapter: Adapter, *, device: torch.device | str | None = None) -> PEERAdapter:
        """A module with a copy of the adapter's parameters."""
        tensors = {name: to_tensor(array) for name, array in adapter.params.items()}
        module = cls(adapter.config, device="meta", dtype=tensors["keys"].dtype)
        target = device or torch.get_default_device()
        module.load_state_dict({name: copied(each, target) for name, each in tensors.items()}, assign=True)
        return module

    def to_adapter(self) -> Adapter:
        """An adapter of the reference with a copy of the parameters.

        Raises:
            TableError: a parameter is not finite (PAR-3), or has no values because it lies on the device meta.

        Example:
            >>> adapter = PEERAdapter(AdapterConfig(8, 2, 16, 4, 4, targets={"q": 8}))
            >>> PEERAdapter.from_adapter(adapter.to_adapter()).config == adapter.config
            True
        """
        require_values(self._tensors())
        return Adapter(self.config, {name: to_array(tensor).copy() for name, tensor in self._tensors().items()})

    def extra_repr(self) -> str:
        """The configuration."""
        return repr(self.config)

    def _tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by the names of ADP-1."""
        found = {}
        for name in self.config.shapes():
            owner: Any = self
            *groups, leaf = name.split(".")
            for group in groups:
                owner = owner._modules[group]
            found[name] = tensor_of(owner, leaf)
        return found


class _Target(nn.Module):
    """The tables of one target, and their sum over the experts of each token."""

    def __init__(self, config: AdapterConfig, name: str, device: torch.device | str | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.config = config
        for table in "uv":
            add_tensor(self, table, table, config.shapes()[f"targets.{name}.{table}"], device, dtype)

    def forward(self, at: Routing, sparse: bool) -> Float[Tensor, "T M"]:
        """Σ over pairs and ranks, in the compute dtype."""
        u, v = (tensor_of(self, table) for table in "uv")
        own = sparse and u.is_leaf and v.is_leaf  # what makes or gathers a table takes no sparse gradient
        return change(self.config.router, u, v, at, sparse_gradients=own)

    def reset_parameters(self) -> None:
        """Draw u anew, and set v to zero."""
        for table in "uv":
            _reset_table(self.config, table, tensor_of(self, table))

    def extra_repr(self) -> str:
        """The shapes of the tables."""
        return ", ".join(f"{table}={list(tensor_of(self, table).shape)}" for table in "uv")


def _reset_table(config: AdapterConfig, name: str, table: Tensor) -> None:
    if name.endswith("u"):
        reset(config.router, "experts.u", table)
    else:
        with torch.no_grad():
            table.zero_()
