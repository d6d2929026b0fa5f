"""From the tensors of a project to a layer, or to its retrieval."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.interchange.axes import STANDARD, rearranged
from peerspec.interchange.errors import InterchangeError, Obstacle, Reason
from peerspec.interchange.known import layout_named
from peerspec.interchange.layout import Layout
from peerspec.interchange.names import parts_in, under_prefix
from peerspec.interchange.retrieval import Retrieval
from peerspec.interchange.shapes import lengths_in
from peerspec.interchange.stating import check_conditions, check_facts, fields_of
from peerspec.interchange.token_query import token_query
from peerspec.reference import Layer, PeerConfig, compute_dtype
from peerspec.reference.config import STATISTICS

__all__ = ["from_layout", "retrieval_from_layout"]

Tensors = Mapping[str, NDArray[Any]]


def from_layout(
    layout: str | Layout, tensors: Tensors, *, prefix: str = "", leave_out: Collection[str] = (), **facts: Any
) -> Layer:
    """The layer in the tensors of another project.

    Args:
        layout: a name in ``LAYOUTS``, or a layout of your own.
        tensors: NumPy arrays by name, as in the project's state dict; ``read_tensors`` reads them from a file.
        prefix: what stands before the names of the layer in a state dict of a whole model.
        leave_out: the names, without the prefix, of tensors that do not belong to the layer.
        facts: what the tensors do not show, such as ``top_k``; ``layout.facts`` lists them. There are no defaults.

    Returns:
        The layer. Arrays whose axes stay as they are, such as tables of experts, are those of ``tensors``.

    Raises:
        InterchangeError: the tensors or facts are no layer; ``reason`` and ``clause`` say why.
        ConfigError, TableError: sizes, dtypes or values are outside the specification.

    Example:
        >>> layer = Layer.random(PeerConfig(4, 2, 9, 2, 4, key_heads=2))
        >>> from peerspec.interchange import to_layout
        >>> state = to_layout("peer-pytorch", layer)
        >>> facts = {"top_k": 2, "activation": "gelu", "gate": "softmax", "sub_keys_per_half": 2}
        >>> from_layout("peer-pytorch", state, **facts).config == layer.config
        True
    """
    layout = layout_named(layout)
    if not layout.has_experts:
        raise InterchangeError(Reason.NO_COUNTERPART, layout.name, "", _NO_EXPERTS)
    params, fields = _read(layout, tensors, prefix, leave_out, facts)
    return Layer(PeerConfig(**fields), params)


_NO_EXPERTS = Obstacle(
    "this is the layout of a product-key memory, which has values instead of experts σ(u·x)·v",
    "read its retrieval with retrieval_from_layout, and add experts",
    "EXP-1",
)


def retrieval_from_layout(
    layout: str | Layout, tensors: Tensors, *, prefix: str = "", leave_out: Collection[str] = (), **facts: Any
) -> Retrieval:
    """The retrieval in the tensors of a product-key memory or of a layer; arguments and errors as ``from_layout``.

    Example:
        >>> from peerspec.interchange import to_layout
        >>> retrieval = Retrieval.of(Layer.random(PeerConfig(4, 2, 9, 2, 4, key_heads=2, query_bias=True)))
        >>> state = to_layout("xlm", retrieval)
        >>> dict(retrieval_from_layout("xlm", state, top_k=2).fields) == dict(retrieval.fields)
        True
    """
    layout = layout_named(layout)
    if layout.has_experts:
        return Retrieval.of(from_layout(layout, tensors, prefix=prefix, leave_out=leave_out, **facts))
    params, fields = _read(layout, tensors, prefix, leave_out, facts)
    return Retrieval(fields, params)


def _read(
    layout: Layout, tensors: Tensors, prefix: str, leave_out: Collection[str], facts: Mapping[str, Any]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The parameters, and the fields of the configuration."""
    names = under_prefix(layout, tensors, prefix)
    parts = parts_in(layout, names, leave_out)
    found = {part: _array(layout, names[part.tensor], tensors[names[part.tensor]]) for part in parts}
    check_facts(layout, facts)
    lengths = lengths_in(layout, {part: array.shape for part, array in found.items()})
    params = {
        part.parameter: rearranged(array, part.axes, STANDARD[part.parameter], lengths) for part, array in found.items()
    }
    if layout.query_is_token:
        params["query.weight"] = token_query(lengths, params["keys"].dtype)
    fields = _sizes(params, lengths) | fields_of(layout, facts)
    check_conditions(layout, PeerConfig(**fields), facts, reason=Reason.NO_COUNTERPART)
    return {name: _widened(name, array, params["keys"].dtype) for name, array in params.items()}, fields


def _array(layout: Layout, name: str, array: object) -> NDArray[Any]:
    if isinstance(array, np.ndarray):
        return array
    what = f"it is a {type(array).__name__} and not a NumPy array"
    obstacle = Obstacle(what, "pass tensor.detach().cpu().numpy(), or read a safetensors file with read_tensors")
    raise InterchangeError(Reason.NO_ARRAY, layout.name, name, obstacle)


def _sizes(params: Tensors, lengths: Mapping[str, int]) -> dict[str, Any]:
    """The fields of the configuration that the parameters show."""
    norm = "batch" if "query_norm.mean" in params else "layer" if "query_norm.scale" in params else "none"
    fields = {
        "d_model": lengths["D"],
        "heads": lengths["h"],
        "num_experts": lengths["n"] ** 2,
        "d_key": 2 * lengths["c"],
        "query_bias": "query.bias" in params,
        "key_heads": lengths["h"],
        "query_norm": norm,
    }
    if "experts.v" not in params:
        return fields
    return fields | {"d_out": lengths["M"], "expert": "glu" if "experts.w" in params else "mlp"}


def _widened(name: str, array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Running statistics in the compute dtype, if they have a narrower one; this is exact (PAR-5)."""
    wide = compute_dtype(dtype)
    return array.astype(wide) if name in STATISTICS and array.dtype.itemsize < wide.itemsize else array
