"""Blocks of hidden neurons over the tokens of each expert (SPEC.md, CMP-4)."""

from __future__ import annotations

import jax

from peerspec.backends.jax.activations import activate
from peerspec.backends.jax.precision import inner_product

__all__ = ["Tables", "blocks", "tables_of"]

Tables = dict[str, jax.Array]
"""u [E, H, D], v [E, H, M], and w [E, H, D] if neurons are GLU."""


def blocks(activation: str, tables: Tables, x: jax.Array, gates: jax.Array | None = None) -> jax.Array:
    """g·e(x) [E, C, M] of the tokens [E, C, D] of each expert, with gates [E, C] or 1, in the dtype of x."""
    inner = inner_product("ecd,ehd->ech", x, tables["u"])
    gating = inner_product("ecd,ehd->ech", x, tables["w"]) if "w" in tables else None
    hidden = activate(activation, inner) if gating is None else activate(activation, gating) * inner
    return inner_product("ech,ehm->ecm", hidden if gates is None else hidden * gates[..., None], tables["v"])


def tables_of(params: dict[str, jax.Array]) -> Tables:
    """The rows of the experts by the names u, v and w."""
    return {name.removeprefix("experts."): a for name, a in params.items() if name.startswith("experts.")}
