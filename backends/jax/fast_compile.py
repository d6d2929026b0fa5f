"""Fast compilation for the conformance suite: it takes a sixth of the time, for programs on few tokens.

Most optimisations of XLA help only programs that run long or often, and the suite calls hundreds of small programs a
few times each. So small programs are compiled without loop fusion, without LLVM's optimisations and in one piece.
Larger ones are compiled with the ordinary options, so that a run of the suite covers both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax

__all__ = ["MAX_SIZE", "compiled", "fast_options"]

MAX_SIZE = 512
"""The largest array of tokens, in entries, that gets fast compilation."""

_FAST: dict[str, Any] = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}


def compiled(function: Callable[..., Any], *, static: tuple[int, ...], tokens: int) -> Callable[..., Any]:
    """``jax.jit`` of ``function``, with fast compilation if argument number ``tokens`` is a small array."""
    ordinary = jax.jit(function, static_argnums=static)

    @cache
    def fast() -> Callable[..., Any]:
        return jax.jit(function, static_argnums=static, compiler_options=fast_options())

    def call(*arguments: Any) -> Any:
        return (fast() if arguments[tokens].size <= MAX_SIZE else ordinary)(*arguments)

    return call


@cache
def fast_options() -> dict[str, Any] | None:
    """The compiler options; None if this version of XLA does not accept them, or on another platform than the CPU."""
    if jax.default_backend() != "cpu":
        return None
    try:
        jax.jit(lambda: 0, compiler_options=_FAST)()
    except jax.errors.JaxRuntimeError:
        return None
    return _FAST
