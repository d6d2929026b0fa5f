"""The base class of the optimisers of rows: the step, the update within the backward pass, and the state."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.utils.weak import WeakIdKeyDictionary

from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.huge_pages import copied
from peerspec.backends.torch.in_backward import UpdateError, set_receiver
from peerspec.backends.torch.optim.gradient import RowGradient, distinct_rows, rows_of
from peerspec.backends.torch.optim.replicas import mean_over, several_processes
from peerspec.backends.torch.optim.row_update import Operands, operands, scale_rows
from peerspec.backends.torch.optim.sharded import like, own_rows, owners_of_other_rows
from peerspec.backends.torch.touched import FactoredRows
from peerspec.reference import InputError

__all__ = ["Optimiser", "Params"]

Params = Iterable[Tensor] | Iterable[dict[str, Any]]


class Optimiser(torch.optim.Optimizer):
    """A step on the rows that have a gradient; all other rows and their state keep their bits.

    A row is the last axis of a parameter. Weight decay acts on touched rows alone, as in FBGEMM (decoupled mode):
    before the step, a touched row is multiplied by 1 − lr·weight_decay. So a row decays as often as batches touch it.
    A dense gradient touches every row. In narrow tables this product is rounded, which undoes small decays.

    Args:
        params: parameters, or groups of them with options of their own.
        defaults: the options; each optimiser has ``lr`` and ``weight_decay``.
        in_backward: update expert tables within the backward pass, instead of storing their gradients. This saves the
            memory of the gradients and the time to write and read them. ``step`` then updates all other parameters. It
            excludes all methods that need every gradient before the first update: accumulation over several backward
            passes, a layer used twice in one pass, clipping by global norm. It also excludes ``torch.compile``.
        process_group: where several processes hold replicas of the tables, an update within the backward pass takes
            the mean of the gradients of this group. Each process needs it, also with a group of itself alone. All
            processes of the group then run the layer in each backward pass, or the others wait for them.

    Raises:
        InputError: options that do not exist or are out of range.
    """

    def __init__(
        self,
        params: Params,
        defaults: dict[str, Any],
        *,
        in_backward: bool = False,
        process_group: torch.distributed.ProcessGroup | None = None,
    ) -> None:
        if process_group is not None and torch.distributed.get_rank(process_group) < 0:
            raise InputError("this process is no member of process_group; pass a group of which it is one")
        self.in_backward, self.process_group = in_backward, process_group
        self._taken: set[Tensor] = set()
        self.limits: MutableMapping[Tensor, Tensor] = WeakIdKeyDictionary()  # the rows that may change, by table
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own."""
        if unknown := set(param_group) - set(self.defaults) - {"params", "param_names", "initial_lr"}:
            raise InputError(
                f"{type(self).__name__} has no option {', '.join(sorted(unknown))}; "
                f"it has {', '.join(self.defaults)} and acts on touched rows alone"
            )
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for name in ("lr", "weight_decay"):
            value = group[name]
            if not isinstance(value, (int, float, Tensor)) or not 0 <= float(value) < math.inf:
                raise InputError(f"{name} must not be negative, and must be a finite number, got {value!r}")
        self._check_options(group)
        for param in group["params"]:
            if param.dtype not in COMPUTE_DTYPES:
                raise InputError(
                    f"parameters must be of dtype {', '.join(map(str, COMPUTE_DTYPES))}, got {param.dtype} (PAR-5)"
                )
            self.receive(param)

    def receive(self, param: Tensor) -> None:
        """Take the gradients of a parameter within the backward pass, if this optimiser does so."""
        if self.in_backward:
            set_receiver(param, self._take)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Call ``closure`` if given, update every parameter that has a gradient, and return the loss of ``closure``."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None and not (param in self._taken and _is_zero(param.grad)):
                    self._update(param, rows_of(own_rows(param.grad), _width(param)), group)
                    increment_version(param)
        for param in self._taken:
            increment_version(param)
        self._taken.clear()
        return loss

    @property
    def _step_supports_amp_scaling(self) -> bool:
        """What ``GradScaler`` asks before a step."""
        if self._taken and sys._getframe(1).f_globals.get("__name__") == "torch.amp.grad_scaler":
            raise UpdateError(
                "GradScaler multiplies the loss, and an update within the backward pass cannot divide by it again, so "
                "the tables are wrong by now; make the optimiser without in_backward, or train without a scaler, as "
                "bfloat16 allows"
            )
        return False

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state bit for bit; torch alone would round it to the dtype of the parameter."""
        super().load_state_dict(state_dict)
        own = [param for group in self.param_groups for param in group["params"]]
        names = [name for group in state_dict["param_groups"] for name in group["params"]]
        for name, param in zip(names, own, strict=True):
            for key, value in state_dict["state"].get(name, {}).items():
                device = "cpu" if key == "step" else param.device
                self.state[param][key] = like(copied(own_rows(value), device), value)

    @torch.no_grad()
    def _take(self, table: Tensor, gradient: FactoredRows) -> None:
        """Update a table within the backward pass."""
        if table in self._taken:
            raise UpdateError(
                "an expert table was already updated in a backward pass since the last step: with in_backward=True "
                "gradients cannot be accumulated, a layer cannot be used twice, and each backward pass needs its step; "
                "make the optimiser without in_backward"
            )
        self._require_group(table)
        if self.process_group is not None:
            gradient = mean_over(gradient, len(own_rows(table)), self.process_group)
        (group,) = (group for group in self.param_groups if any(param is table for param in group["params"]))
        with self._limited(table, gradient):
            self._update(table, gradient, group)
        self._taken.add(table)

    @contextmanager
    def _limited(self, table: Tensor, gradient: RowGradient) -> Iterator[None]:
        """Give the touched rows that may not change their bits back, and those of their state (TRN-2)."""
        rows = distinct_rows(gradient)
        rows = rows[~self.limits[table][rows]] if table in self.limits else rows[:0]
        state = [own_rows(tensor) for name, tensor in self._state_of(table).items() if name != "step"]
        parts = [part.data.view(len(part), -1) for part in (own_rows(table), *state)] if len(rows) else []
        kept = [part[rows] for part in parts]
        yield
        for part, old in zip(parts, kept, strict=True):
            part.index_copy_(0, rows, old)

    def _require_group(self, table: Tensor) -> None:
        """Refuse an update of a table of which other processes have replicas that would not get it."""
        others = owners_of_other_rows(table)
        if self.process_group is None and several_processes(beside=others):
            raise UpdateError(
                "several processes train, and an update within the backward pass sees the gradient of this one alone; "
                "pass process_group to the optimiser: torch.distributed.group.WORLD for replicas of one model, or a "
                "group of this process alone; or make the optimiser without in_backward"
            )
        if self.process_group is not None and others & set(
            torch.distributed.get_process_group_ranks(self.process_group)
        ):
            raise UpdateError(
                "process_group must hold the replicas of the rows of this process, but it holds the owners of other "
                "rows; leave it out where the processes that share the tables are all that train"
            )

    def _state_of(self, param: Tensor) -> dict[str, Any]:
        """The state of a parameter, which is new before its first step."""
        state: dict[str, Any] = self.state[param]
        if not state:
            new = self._new_state(own_rows(param)).items()
            state.update({name: part if name == "step" else like(part, param) for name, part in new})
        return state

    def _update(self, param: Tensor, gradient: RowGradient, group: dict[str, Any]) -> None:
        state, own = self._state_of(param), own_rows(param)
        of_rows = {name: own_rows(tensor) for name, tensor in state.items()}
        self._require_fitting(own, of_rows)
        if own.numel():  # of few rows, a process may have none
            # autograd does not see changes of .data; ``step`` tells it, and until then ``_take`` refuses another update
            table = own.data.view(-1, _width(param))
            if decay := float(group["lr"]) * group["weight_decay"]:
                scale_rows(table, distinct_rows(gradient), 1 - decay)
            self._update_rows(table, operands(gradient), of_rows, group)
        if "step" in state:
            state["step"] += 1

    def _require_fitting(self, param: Tensor, state: dict[str, Tensor]) -> None:
        wanted = (COMPUTE_DTYPES[param.dtype], param.device)
        for name, tensor in state.items():
            if name != "step" and (got := (tensor.dtype, tensor.device)) != wanted:
                raise InputError(
                    f"the state {name!r} of {type(self).__name__} must be {wanted[0]} on {wanted[1]} for a parameter "
                    f"of {param.dtype}, got {got[0]} on {got[1]}; convert or move the module before you make the "
                    "optimiser"
                )
            if name != "step" and tensor.ndim and tensor.shape[:1] != param.shape[:1]:
                raise InputError(
                    f"the state {name!r} of {type(self).__name__} has {len(tensor)} rows for a parameter of "
                    f"{len(param)} rows in this process; load it with torch.distributed.checkpoint.state_dict, which "
                    "shards it"
                )

    def _check_options(self, group: dict[str, Any]) -> None:
        """Raise InputError for options of this class that are out of range."""

    def _new_state(self, param: Tensor) -> dict[str, Tensor]:
        """The state of a parameter before the first step."""
        raise NotImplementedError

    def _update_rows(self, table: Tensor, gradient: Operands, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        """Change the rows of the table that have a gradient, and their state.

        ``state["step"]`` counts the steps before this one.
        """
        raise NotImplementedError

    def __setstate__(self, state: dict[str, Any]) -> None:
        # a copy has its own parameters, which are not registered for updates within the backward pass
        super().__setstate__(state)
        self.__dict__.setdefault("in_backward", False)
        self.__dict__.setdefault("process_group", None)
        self.__dict__.setdefault("_taken", set())
        for group in self.param_groups:  # of a state that was saved before there was weight decay
            group.setdefault("weight_decay", 0.0)


def _is_zero(gradient: Tensor) -> bool:
    """Where DistributedDataParallel gets no gradient, it stores zeros."""
    return not bool((gradient._values() if gradient.is_sparse else gradient).any())


def _width(param: Tensor) -> int:
    return param.shape[-1] if param.ndim else 1
