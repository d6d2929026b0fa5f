"""The tensors of an adapter in the file of a repro: ``targets.…``, ``bases.<target>.…`` and ``dy.<target>``."""

from __future__ import annotations

from math import prod

from peerspec.conformance.cases.adapter_case import AdapterCase
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.hosts.arguments import arrays
from peerspec.reference import Base, PeerError

__all__ = ["ADAPTED", "adapter_case", "adapter_tensors"]

ADAPTED = ("targets.", "bases.", "dy.")
"""What the names begin with."""
_NUMBERS = 1 << 25
"""The most numbers of one array that a replay computes, as for a layer."""


def adapter_tensors(case: AdapterCase) -> dict[str, Array]:
    """The tensors by name."""
    return dict(case.tables) | arrays({"bases": dict(case.bases), "dy": dict(case.upstream)})


def adapter_case(case: Case, tensors: dict[str, Array], targets: list[str], rank: int, alpha: float) -> AdapterCase:
    """The case of an adapter whose router is the layer of ``case``.

    Raises:
        PeerError: tensors that do not fit each other (ADP-1).
    """
    tables = {name: tensors.pop(name) for target in targets for name in (f"targets.{target}.u", f"targets.{target}.v")}
    upstream = {target: tensors.pop(f"dy.{target}") for target in targets if f"dy.{target}" in tensors}
    kept = [target for target in targets if f"bases.{target}.weight" in tensors]
    bases = {name: Base(tensors.pop(f"bases.{name}.weight"), tensors.pop(f"bases.{name}.bias", None)) for name in kept}
    _require(not tensors, "tensors of an adapter alone")
    found = AdapterCase(
        case.name, case.exact, case.layer, case.x, case.mask, case.training, None, rank, alpha, tables, bases, upstream
    )
    config = found.adapter.config
    for name, base in bases.items():
        _require(base.weight.shape == (config.targets.get(name), config.d_model), f"a base that fits the target {name}")
        _require(base.bias is None or base.bias.shape == base.weight.shape[:1], f"a bias that fits the target {name}")
        _require({part.dtype for part in base if part is not None} == {case.x.dtype}, "bases of the dtype of x")
    _require(not upstream or upstream.keys() == bases.keys(), "dy for each base")
    for name, dy in upstream.items():
        shape = (*case.x.shape[:-1], config.targets[name])
        _require(dy.shape == shape and dy.dtype == case.x.dtype, f"dy that fits the target {name}")
    pairs = prod(case.x.shape[:-1]) * config.heads * config.top_k * rank
    widest = max(config.d_model, *config.targets.values())
    _require(pairs * widest <= _NUMBERS, f"a case of at most {_NUMBERS} numbers in one step")
    return found


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise PeerError(f"it must hold {what}")
