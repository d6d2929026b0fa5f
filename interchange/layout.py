"""A layout as data: the tensors of another project's layer, and what they do not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from peerspec.interchange.axes import STANDARD, axis_lengths, names_of
from peerspec.interchange.errors import Obstacle
from peerspec.reference import PeerConfig

__all__ = ["Condition", "Fact", "Layout", "Other", "Part", "Source"]


@dataclass(frozen=True)
class Source:
    """Where the layer of a project is defined.

    Attributes:
        project: its name.
        version: the version or commit that was read.
        file: the file in it.
    """

    project: str
    version: str
    file: str

    def __str__(self) -> str:
        return f"{self.project} {self.version}, {self.file}"


@dataclass(frozen=True)
class Part:
    """A tensor that is a parameter of PAR-1 with its axes in another order.

    Attributes:
        tensor: its name in the project.
        parameter: the name in PAR-1.
        axes: its axes as stored, in the notation of ``peerspec.interchange.axes``.
        optional: whether layers of the project may lack it. Tensors of one option are there together.

    Example:
        >>> part = Part("to_queries.0.weight", "query.weight", "(p h c) D")
        >>> part.pattern
        'h (p c) D -> (p h c) D'
    """

    tensor: str
    parameter: str
    axes: str
    optional: bool = False

    @property
    def pattern(self) -> str:
        """From the parameter to the tensor, as ``einops.rearrange`` takes it."""
        return f"{STANDARD[self.parameter]} -> {self.axes}"

    @property
    def option(self) -> str:
        """The option of the layer that an optional tensor belongs to."""
        return self.parameter if self.parameter == "query.bias" else self.parameter.partition(".")[0]

    def lengths(self, config: PeerConfig) -> dict[str, int]:
        """The lengths of its axes in a layer."""
        lengths = axis_lengths(config)
        return {axis: lengths[axis] for axis in names_of(self.axes)}


@dataclass(frozen=True)
class Fact:
    """Something that the tensors do not show, and that whoever reads them must state.

    Attributes:
        name: a field of the configuration, or another name.
        told: how the project tells it, for people.
        of: its value in a layer that is written.
        takes: the values that a layer of the project can have and SPEC.md has, if they are few.
        refused: values that the project has and SPEC.md has not.
    """

    name: str
    told: str
    of: Callable[[PeerConfig], Any]
    takes: tuple[str, ...] = ()
    refused: Mapping[str, Obstacle] = field(default_factory=dict)


@dataclass(frozen=True)
class Condition:
    """What must hold of the configuration and the facts, because another layer of the project is no layer, or is none.

    Attributes:
        subject: the fact or field that it concerns.
        holds: whether it holds.
        obstacle: what is wrong where it does not.
    """

    subject: str
    holds: Callable[[PeerConfig, Mapping[str, Any]], bool]
    obstacle: Obstacle


@dataclass(frozen=True)
class Other:
    """A tensor of the project that is no parameter.

    Attributes:
        tensors: a regular expression of its names.
        obstacle: what it does.
        outside: whether it acts before, after or beside the layer, so that a caller can leave it out.
    """

    tensors: str
    obstacle: Obstacle
    outside: bool = False


@dataclass(frozen=True)
class Layout:
    """The tensors of another project's layer. A layout that is not in ``LAYOUTS`` is made in the same way.

    Attributes:
        name: its name here.
        source: where the project defines it.
        parts: the tensors that are parameters.
        facts: what the tensors do not show.
        fixed: fields of the configuration that have one value in the project.
        conditions: what must hold of a layer in both directions.
        others: tensors that are no parameters, each with what it does.
        unread: the names of tensors that enter no result.
        lengths: axes that always have one length.
        query_is_token: the project has no query maps: each half of the query is the token itself.
    """

    name: str
    source: Source
    parts: tuple[Part, ...]
    facts: tuple[Fact, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    others: tuple[Other, ...] = ()
    unread: tuple[str, ...] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)
    query_is_token: bool = False

    @property
    def has_experts(self) -> bool:
        """Whether it holds a whole layer; the others hold product-key memories, whose retrieval is that of a layer."""
        return any(part.option == "experts" for part in self.parts)

    def facts_of(self, config: PeerConfig) -> dict[str, Any]:
        """What a reader of the written tensors must state.

        Example:
            >>> from peerspec.interchange import LAYOUTS
            >>> LAYOUTS["doge"].facts_of(PeerConfig(4, 1, 9, 2, 8))
            {'top_k': 2, 'activation': 'gelu', 'tokens_per_call': 1}
        """
        return {fact.name: fact.of(config) for fact in self.facts}
