"""How the backend compiles its programs: fast on the CPU, which takes a sixth of the time, and deterministic on a GPU.

Most optimisations of XLA help only programs that run long or often, and the suite calls hundreds of small programs a
few times each. So small programs are compiled without loop fusion, without LLVM's optimisations and in one piece.
Larger ones are compiled with the ordinary options, so that a run of the suite covers both. Gradients take longest to
compile, so their limit is higher. On a GPU XLA otherwise adds rows by atomics, and chooses products by the time
that they take (IND-3).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax

__all__ = ["MAX_SIZE", "MAX_SIZE_OF_GRADIENTS", "compiled", "fast_options"]

MAX_SIZE = 512
"""The largest array of tokens, in entries, that gets fast compilation."""

MAX_SIZE_OF_GRADIENTS = 8192
"""The largest array of tokens, in entries, with which gradients get fast compilation."""

_FAST: dict[str, Any] = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
_DETERMINISTIC: dict[str, Any] = {"xla_gpu_deterministic_ops": True, "xla_gpu_autotune_level": 0}


def compiled(
    function: Callable[..., Any], *, static: tuple[int, ...], tokens: int, max_size: int = MAX_SIZE
) -> Callable[..., Any]:
    """``jax.jit`` of ``function``, with fast compilation if argument ``tokens`` has at most ``max_size`` entries."""

    @cache
    def program(options: Callable[[], dict[str, Any] | None]) -> Callable[..., Any]:
        return jax.jit(function, static_argnums=static, compiler_options=options())

    def call(*arguments: Any) -> Any:
        return program(fast_options if arguments[tokens].size <= max_size else _ordinary_options)(*arguments)

    return call


@cache
def fast_options() -> dict[str, Any] | None:
    """The options for small programs; None if this version of XLA does not accept them."""
    return _accepted(_FAST) if jax.default_backend() == "cpu" else _ordinary_options()


@cache
def _ordinary_options() -> dict[str, Any] | None:
    return _accepted(_DETERMINISTIC) if jax.default_backend() == "gpu" else None


def _accepted(options: dict[str, Any]) -> dict[str, Any] | None:
    try:
        jax.jit(lambda: 0, compiler_options=options)()
    except jax.errors.JaxRuntimeError:
        return None
    return options
