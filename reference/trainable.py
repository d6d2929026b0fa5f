"""The part of a layer that training may change (SPEC.md, chapter 13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool

from peerspec.files.shown import shown
from peerspec.reference.config import STATISTICS, PeerConfig
from peerspec.reference.errors import InputError
from peerspec.reference.growth import grown_config, grown_ids

__all__ = ["Trainable"]

Mask = Bool[np.ndarray, "..."]


@dataclass(frozen=True, eq=False)
class Trainable:
    """The trainable part of a layer (TRN-1). Everything is trainable unless it says otherwise.

    Args:
        experts: [N] bool, True for the experts whose rows of u, v and w may change; None for all.
        keys: [H_k, 2, n] bool, True for the sub-keys that may change; None for all.
        query: whether the query maps may change, weight and bias.
        query_norm: whether scale and bias of the query norm may change.
        statistics: whether running statistics are updated, and batch statistics used; else the running ones are
            constants (GRD-9).

    Example:
        >>> part = Trainable(experts=np.array([False, False, False, True]), keys=np.zeros((1, 2, 2), bool))
        >>> sorted(part.masks(PeerConfig(d_model=4, heads=2, num_experts=4, top_k=2, d_key=4)))
        ['experts.u', 'experts.v', 'keys', 'query.weight']
    """

    experts: Bool[np.ndarray, " N"] | None = None
    keys: Bool[np.ndarray, "H_k 2 n"] | None = None
    query: bool = True
    query_norm: bool = True
    statistics: bool = True

    @classmethod
    def new(cls, config: PeerConfig, num_experts: int) -> Trainable:
        """What growth to ``num_experts`` experts adds, and nothing else.

        Args:
            config: the configuration before growth.

        Raises:
            ConfigError: as ``grow``.

        Example:
            >>> part = Trainable.new(PeerConfig(d_model=4, heads=2, num_experts=4, top_k=2, d_key=4), 9)
            >>> part.experts.astype(int), part.keys[0, 0].astype(int)
            (array([0, 0, 1, 0, 0, 1, 1, 1, 1]), array([0, 0, 1]))
        """
        grown = grown_config(config, num_experts)
        experts, keys = np.ones(num_experts, bool), np.ones((config.key_heads, 2, grown.n), bool)
        experts[grown_ids(config.n, grown.n)] = keys[:, :, : config.n] = False
        return cls(experts, keys, query=False, query_norm=False, statistics=False)

    @classmethod
    def most_used(cls, config: PeerConfig, counts: np.ndarray, number: int) -> Trainable:
        """The experts that were selected most often, and nothing else; equal counts by lower id.

        Args:
            config: the configuration.
            counts: [N], how often each expert was selected.
            number: how many experts, 0 … N.

        Raises:
            InputError: counts of another shape, or another number.

        Example:
            >>> config = PeerConfig(d_model=4, heads=2, num_experts=4, top_k=2, d_key=4)
            >>> Trainable.most_used(config, np.array([5, 0, 9, 5]), 2).experts
            array([ True, False,  True, False])
        """
        size = config.num_experts
        if np.shape(counts) != (size,) or not 0 <= number <= size:
            raise InputError(
                f"counts must have shape {(size,)}, and the number must lie in 0..{size}, got shape {np.shape(counts)} "
                f"and {shown(number)} (TRN-1)"
            )
        experts = np.zeros(size, bool)
        experts[np.argsort(-np.asarray(counts, np.float64), kind="stable")[:number]] = True
        keys = np.zeros((config.key_heads, 2, config.n), bool)
        return cls(experts, keys, query=False, query_norm=False, statistics=False)

    @classmethod
    def by_steps(
        cls,
        experts: Bool[np.ndarray, "S N"],
        keys: Bool[np.ndarray, "S H_k 2 n"],
        query: Bool[np.ndarray, " S"],
        query_norm: Bool[np.ndarray, " S"],
        statistics: Bool[np.ndarray, " S"],
    ) -> list[Trainable]:
        """The trainable parts of several steps, from arrays with one entry for each step."""
        whole = (map(bool, array) for array in (query, query_norm, statistics))
        return [cls(*parts) for parts in zip(experts, keys, *whole, strict=True)]

    def masks(self, config: PeerConfig) -> Mapping[str, Mask]:
        """For each learned parameter where it may change, of a shape that broadcasts to that of the parameter.

        Raises:
            InputError: a mask that does not fit the configuration.
        """
        self.check(config)
        experts = np.ones(config.num_experts, bool) if self.experts is None else self.experts
        keys = np.ones(config.shapes()["keys"][:3], bool) if self.keys is None else self.keys
        found = {"experts": experts[:, None], "keys": keys[..., None]}
        found |= {"query": np.array(self.query), "query_norm": np.array(self.query_norm)}
        return {name: found[name.partition(".")[0]] for name in config.shapes() if name not in STATISTICS}

    def check(self, config: PeerConfig) -> None:
        """Check that the masks fit the configuration.

        Raises:
            InputError: a mask of another shape or dtype (TRN-1).
        """
        shapes = {"experts": (config.num_experts,), "keys": (config.key_heads, 2, config.n)}
        for field in fields(self):
            value = getattr(self, field.name)
            shape = shapes.get(field.name, ())
            whole = value is None and shape
            if not whole and (np.shape(value) != shape or np.asarray(value).dtype != bool):
                raise InputError(
                    f"the trainable part must have {field.name} as bool of shape {shape}, got "
                    f"{np.asarray(value).dtype} of shape {np.shape(value)} (TRN-1)"
                )
