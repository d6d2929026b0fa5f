"""The stages that own parameters, as modules.

Tools act around the forward of the module that owns a parameter: they shard it, move it in and out, or hook it. So the
layer calls each of these modules, and each reads its own parameters alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks

from peerspec.backends.torch.arrays import COMPUTE_DTYPES, is_dtensor, parameter_dtype
from peerspec.backends.torch.checks import check_group
from peerspec.backends.torch.experts import expert_stage
from peerspec.backends.torch.huge_pages import in_huge_pages
from peerspec.backends.torch.query import query
from peerspec.backends.torch.query_norm import query_norm
from peerspec.reference import InputError, PeerConfig
from peerspec.reference.config import STATISTICS
from peerspec.reference.initial import STARTS_AT_ONE, initial_scales

__all__ = ["Experts", "Query", "QueryNorm", "add_tensor", "is_plain", "reset", "tensor_of"]


def add_tensor(
    module: nn.Module, name: str, leaf: str, shape: tuple[int, ...], device: Any, dtype: torch.dtype
) -> None:
    """Add the parameter or buffer ``name`` of SPEC.md to a module, as its ``leaf``, without values."""
    tensor = in_huge_pages(torch.empty(shape, device=device, dtype=parameter_dtype(name, dtype)))
    if name in STATISTICS:
        module.register_buffer(leaf, tensor)
    else:
        module.register_parameter(leaf, nn.Parameter(tensor))


def tensor_of(module: nn.Module, leaf: str) -> Tensor:
    """A parameter, or what a tool has put in its place, or a buffer; ``getattr`` alone takes three times as long."""
    parameter = module._parameters.get(leaf)
    found: Tensor = getattr(module, leaf) if parameter is None else parameter
    return found


@torch.no_grad()
def reset(config: PeerConfig, name: str, tensor: Tensor) -> None:
    """Draw a parameter anew as ``Layer.random`` does, from torch's generator."""
    scales = initial_scales(config)
    if name not in scales:
        tensor.fill_(name in STARTS_AT_ONE)
    elif is_dtensor(tensor):
        from peerspec.backends.torch.split_tables.tables import draw

        draw(tensor, scales[name])
    else:
        tensor.normal_(0, scales[name])


def is_plain(stage: nn.Module) -> bool:
    """Whether no tool acts around the forward of this stage, so that another function may read its parameters."""
    return (
        isinstance(stage, _Stage)
        and type(stage).forward in _FORWARDS
        and "forward" not in vars(stage)
        and not (stage._forward_pre_hooks or stage._forward_hooks)
        and not (_global_forward_pre_hooks or _global_forward_hooks)
        and not any(map(is_dtensor, stage._parameters.values()))  # parameters() is a generator, which dynamo refuses
    )


class _Stage(nn.Module):
    """A module with the parameters of one group of SPEC.md.

    Args:
        config: the configuration of the layer.
        device, dtype: of the parameters.
    """

    group: str

    def __init__(self, config: PeerConfig, device: torch.device | str | None, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        self.config = config
        for name, leaf in self._names().items():
            add_tensor(self, name, leaf, config.shapes()[name], device, dtype)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for name, tensor in self._tensors().items():
            reset(self.config, name, tensor)

    def extra_repr(self) -> str:
        """The shapes of the parameters."""
        return ", ".join(f"{leaf}={list(self.config.shapes()[name])}" for name, leaf in self._names().items())

    def _checked(self, dtype: torch.dtype, device: torch.device) -> dict[str, Tensor]:
        """The parameters by name, after checking that they belong to a layer of this dtype on this device."""
        tensors = self._tensors()
        check_group(self.config, tensors, dtype, device)
        return tensors

    def _tensors(self) -> dict[str, Tensor]:
        return {name: tensor_of(self, leaf) for name, leaf in self._names().items()}

    def _names(self) -> dict[str, str]:
        """The names of SPEC.md, with those of the attributes."""
        prefix = f"{self.group}."
        return {name: name.removeprefix(prefix) for name in self.config.shapes() if name.startswith(prefix)}


class Query(_Stage):
    """Queries of tokens: h linear maps (QRY-1)."""

    group = "query"

    def forward(self, x: Float[Tensor, "T D"], dtype: torch.dtype, narrow: bool) -> Float[Tensor, "T h d"]:
        """q of tokens in the compute dtype of a layer of ``dtype``; ``narrow`` as for ``query``."""
        return query(self._checked(dtype, x.device), x, narrow=narrow)


class QueryNorm(_Stage):
    """The query norm (NRM-1 … NRM-6); in training mode it updates its running statistics in place.

    Attributes:
        process_group: where set, batch statistics are those of the tokens of all processes of the group, as in
            ``torch.nn.SyncBatchNorm``. Each of them then runs the layer for every batch.
        frozen_statistics: whether the running statistics are constants in the mode training, too (GRD-9).
    """

    group = "query_norm"
    process_group: torch.distributed.ProcessGroup | None = None
    frozen_statistics = False

    def forward(
        self, q: Float[Tensor, "T h d"], dtype: torch.dtype, mask: Bool[Tensor, " T"] | None
    ) -> tuple[Float[Tensor, "T h d"], dict[str, Tensor] | None]:
        """Normalised queries of a layer of ``dtype``, and the updated statistics if training changes them."""
        if q.dtype != COMPUTE_DTYPES[dtype]:
            raise InputError(
                f"the query norm needs queries of {COMPUTE_DTYPES[dtype]}, got {q.dtype}; give MixedPrecisionPolicy of "
                "this module cast_forward_inputs=False (PRC-2)"
            )
        tensors = self._checked(dtype, q.device)
        q, state = query_norm(
            self.config.query_norm,
            tensors,
            q,
            mask=mask,
            training=self.training and not self.frozen_statistics,
            process_group=self.process_group,
        )
        for name, statistic in (state or {}).items():
            tensors[name].copy_(statistic)
        return q, state

    def __deepcopy__(self, memo: dict[int, Any]) -> QueryNorm:
        """A copy that has the same process group."""
        memo[id(self.process_group)] = self.process_group
        copy = self.__new__(type(self))
        memo[id(self)] = copy
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        return copy

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> QueryNorm:
        """Apply ``fn`` as every module does, but leave running statistics in the compute dtype (PAR-5)."""
        leaves = [leaf for name, leaf in self._names().items() if name in STATISTICS]
        before = {leaf: self.get_buffer(leaf) for leaf in leaves}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # not annotated
        for leaf, old in before.items():
            new, dtype = self.get_buffer(leaf), COMPUTE_DTYPES.get(self.scale.dtype)
            if dtype and new.dtype != dtype:
                setattr(self, leaf, old.to(new.device, dtype))
        return self


class Experts(_Stage, nn.EmbeddingBag):
    """The expert tables, and the weighted sum of the experts that a token selects (EXP-1, EXP-2, OUT-1).

    It is an ``EmbeddingBag`` because ``DistributedDataParallel`` accepts sparse gradients from these alone. What tools
    read of one is there: ``weight`` is u.

    Attributes:
        sparse: make the gradients of the tables sparse.
        average_gradients: as for ``sharded.shard``.
    """

    group = "experts"
    average_gradients = True
    _gathered = False
    max_norm = padding_idx = None
    norm_type, scale_grad_by_freq, mode, include_last_offset = 2.0, False, "sum", False

    def __init__(
        self, config: PeerConfig, device: torch.device | str | None, dtype: torch.dtype, *, sparse: bool
    ) -> None:
        super().__init__(config, device, dtype)
        self.sparse = sparse
        self.num_embeddings, self.embedding_dim = config.num_experts, config.d_model

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """u, [N, D]."""
        u: Tensor = self.u  # type: ignore[assignment]
        return u

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "T D"], ids: Int[Tensor, "T hk"], gates: Float[Tensor, "T hk"], dtype: torch.dtype
    ) -> Float[Tensor, "T M"]:
        """y of tokens in the compute dtype of a layer of ``dtype``."""
        if x.dtype != COMPUTE_DTYPES[dtype] or gates.dtype != x.dtype:
            raise InputError(
                f"the experts need tokens and gates of {COMPUTE_DTYPES[dtype]}, got {x.dtype} and {gates.dtype}; "
                "give MixedPrecisionPolicy of this module cast_forward_inputs=False (PRC-2)"
            )
        tensors = self._checked(dtype, x.device)
        if any(map(is_dtensor, tensors.values())):
            from peerspec.backends.torch.split_tables import stage as split

            stage: Any = partial(split.expert_stage, average_gradients=self.average_gradients)
            sparse = self.sparse
        else:
            stage, sparse = expert_stage, self.sparse and self._own(tensors)
        y: Tensor = stage(self.config, tensors, x, ids, gates, sparse_gradients=sparse)
        return y

    def _own(self, tables: Mapping[str, Tensor]) -> bool:
        """Whether the tables are parameters of this process; what makes or gathers a table takes no sparse gradient."""
        return not self._gathered and all(table.is_leaf for table in tables.values())

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; ``fully_shard`` sets parts of the tables, and gathered ones for each forward."""
        if is_dtensor(value):
            self.__dict__["_gathered"] = True
        super().__setattr__(name, value)


_FORWARDS = (Query.forward, QueryNorm.forward, Experts.forward)
