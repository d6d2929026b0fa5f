"""The layouts of two product-key memories, and of the PEER layer in the repository of one."""

from __future__ import annotations

from peerspec.interchange.errors import Obstacle
from peerspec.interchange.facts import K_AT_MOST_N, ONE_WIDTH, top_k
from peerspec.interchange.layout import Condition, Layout, Other, Part, Source

__all__ = ["MEMORY_PEER", "MEMORY_PKM", "XLM"]

_VALUES = Obstacle(
    "it is the table of values of a product-key memory, which adds them without u, activation or x",
    "leave it out; the layer needs experts of its own",
    "EXP-1",
)
_GATING = Other(
    r"gating\.(weight|bias)",
    Obstacle(
        "with mem_gated=True y is multiplied by a sigmoid of x",
        "leave gating out, and multiply y yourself",
        "OUT-2",
    ),
    outside=True,
)
_BATCH_NORM = Other(
    r"query_proj\.query_mlps\.1\..*",
    Obstacle(
        "with mem_query_batchnorm=True the project applies batch norm to x instead of the query, and fails",
        "convert a checkpoint without it",
        "NRM-1",
    ),
)
_PROJECTIONS = r"(value_proj|swilu_projection)\.(weight|bias)"

_MEMORY = Source("facebookresearch/memory", "7f85280", "lingua/product_key/memory.py")
_MEMORY_RETRIEVAL = (
    Part("query_proj.query_mlps.0.weight", "query.weight", "(h p c) D"),
    Part("query_proj.query_mlps.0.bias", "query.bias", "(h p c)", optional=True),
    Part("keys", "keys", "(h p n) c"),
)
_TWO_HEADS = Condition(
    "heads",
    lambda config, facts: config.heads >= 2,
    Obstacle("the project takes at least two heads", "write a layer with heads of at least 2"),
)

MEMORY_PEER = Layout(
    "memory-peer",
    _MEMORY,
    parts=(
        *_MEMORY_RETRIEVAL,
        Part("values_u.weight", "experts.u", "(i j) D"),
        Part("values_v.weight", "experts.v", "(i j) M"),
    ),
    facts=(top_k("mem_knn"),),
    fixed={"activation": "gelu", "gate": "softmax"},
    conditions=(_TWO_HEADS, K_AT_MOST_N, ONE_WIDTH),
    others=(
        Other(
            _PROJECTIONS,
            Obstacle("with peer_variant=True the project never reads it", "leave it out"),
            outside=True,
        ),
        _GATING,
        _BATCH_NORM,
        Other(
            r"values\.weight",
            Obstacle(_VALUES.what, "read it with the layout memory-pkm", "EXP-1"),
        ),
    ),
)
"""``HashingMemory`` with ``peer_variant=True``."""

MEMORY_PKM = Layout(
    "memory-pkm",
    _MEMORY,
    parts=_MEMORY_RETRIEVAL,
    facts=(top_k("mem_knn"),),
    fixed={"gate": "softmax"},
    conditions=(_TWO_HEADS, K_AT_MOST_N),
    others=(
        Other(r"values\.weight", _VALUES, outside=True),
        Other(
            _PROJECTIONS,
            Obstacle(
                "it projects the sum of values, with swilu_projection=True after a product with a function of x",
                "leave it out; it is no part of the retrieval",
                "OUT-2",
            ),
            outside=True,
        ),
        _GATING,
        _BATCH_NORM,
        Other(
            r"values_[uv]\.weight",
            Obstacle("it is a table of experts", "read it with the layout memory-peer"),
        ),
    ),
)
"""The retrieval of ``HashingMemory`` with ``peer_variant=False``."""

XLM = Layout(
    "xlm",
    Source("facebookresearch/XLM", "0e1bde1", "PKM-layer.ipynb"),
    parts=(
        Part("query_proj.0.weight", "query.weight", "(h p c) D"),
        Part("query_proj.0.bias", "query.bias", "(h p c)"),
        Part("query_proj.1.weight", "query_norm.scale", "(h p c)", optional=True),
        Part("query_proj.1.bias", "query_norm.bias", "(h p c)", optional=True),
        Part("query_proj.1.running_mean", "query_norm.mean", "(h p c)", optional=True),
        Part("query_proj.1.running_var", "query_norm.var", "(h p c)", optional=True),
        Part("keys", "keys", "h p n c"),
    ),
    facts=(top_k("knn"),),
    fixed={"gate": "softmax"},
    conditions=(K_AT_MOST_N,),
    others=(Other(r"values\.weight", _VALUES, outside=True),),
    unread=("query_proj.1.num_batches_tracked",),
)
"""The retrieval of ``HashingMemory`` in the notebook that the paper names."""
