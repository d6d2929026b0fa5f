"""Kernels compiled ahead of time, without a GPU: machine code for one chip, and how to launch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

__all__ = ["Compiled", "compiled"]

_ALIGNED = 16
"""Bytes of which addresses of arrays are multiples."""
_WARP = 32


@dataclass(frozen=True)
class Compiled:
    """A kernel for one chip.

    Attributes:
        name: of the kernel in the image.
        cubin: the image.
        ptx: the assembly of which it was made.
        warps: of a program.
        shared: bytes of shared memory of a program.
    """

    name: str
    cubin: bytes
    ptx: str
    warps: int
    shared: int


def compiled(
    kernel: Any, arguments: Mapping[str, str], constants: Mapping[str, Any], *, capability: int, warps: int
) -> Compiled:
    """Compile a kernel.

    Args:
        kernel: the function, defined outside Triton's interpreter.
        arguments: the type of each argument, such as ``*fp32`` or ``i32``; the arrays are aligned.
        constants: the compile-time constants.
        capability: of the chip, such as 90.
        warps: of a program.
    """
    names = kernel.arg_names
    signature = {name: "constexpr" if name in constants else arguments[name] for name in names}
    aligned = {
        (place,): [["tt.divisibility", _ALIGNED]] for place, name in enumerate(names) if signature[name].startswith("*")
    }
    values = {(place,): constants[name] for place, name in enumerate(names) if name in constants}
    source = ASTSource(fn=kernel, signature=signature, constexprs=values, attrs=aligned)
    options = {"num_warps": warps, "enable_fp_fusion": True}
    made = compile(source, target=GPUTarget("cuda", capability, _WARP), options=options)
    meta = made.metadata
    return Compiled(meta.name, made.asm["cubin"], made.asm["ptx"], meta.num_warps, meta.shared)
