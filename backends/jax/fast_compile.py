"""Compiling for the conformance suite: programs that run once on a few tokens, in a quarter of the time.

Most of what XLA does to a program pays only where the program runs long or often. A suite asks for a hundred small
programs, each a few times. So these skip loop fusion and LLVM's optimisation; programs on more than a few numbers are
compiled as any user's are, so that a run judges both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax

__all__ = ["compiled"]

FEW = 256
"""Entries of the array of tokens up to which a program is compiled in haste: six tokens of the suite hold 42."""

_HASTE: dict[str, Any] = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


def compiled(function: Callable[..., Any], *, static: tuple[int, ...], tokens: int) -> Callable[..., Any]:
    """``jax.jit`` of ``function``, whose argument number ``tokens`` is the array that counts."""
    ordinary = jax.jit(function, static_argnums=static)

    @cache
    def hasty() -> Callable[..., Any]:
        return jax.jit(function, static_argnums=static, compiler_options=_options())

    def call(*arguments: Any) -> Any:
        return (hasty() if arguments[tokens].size <= FEW else ordinary)(*arguments)

    return call


@cache
def _options() -> dict[str, Any] | None:
    """What this XLA knows of; the names are its own and may go, and then programs compile in the ordinary time."""
    if jax.default_backend() != "cpu":
        return None
    try:
        jax.jit(lambda: 0, compiler_options=_HASTE)()
    except jax.errors.JaxRuntimeError:
        return None
    return _HASTE
