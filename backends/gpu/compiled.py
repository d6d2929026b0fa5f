"""Kernels compiled ahead of time, without a GPU: machine code for one chip, and how to launch it."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from peerspec.backends.gpu.launches import Launch
from peerspec.backends.gpu.package import triton_version
from peerspec.backends.protocol import BackendError

__all__ = ["Compiled", "compiled", "writable_cache"]

_ALIGNED = 16
"""Bytes of which addresses of arrays are multiples."""
_WARP = 32
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EEXIST)


@dataclass(frozen=True)
class Compiled:
    """A kernel for one chip.

    Attributes:
        name: of the kernel in the image.
        cubin: the image.
        ptx: the assembly of which it was made.
        warps: of a program.
        shared: bytes of shared memory of a program.
        scratch: pointers that Triton adds to the arguments; the kernels use none of them.
    """

    name: str
    cubin: bytes
    ptx: str
    warps: int
    shared: int
    scratch: int


@contextmanager
def writable_cache() -> Iterator[None]:
    """Inside the block Triton may compile.

    Raises:
        BackendError: the folder of its cache cannot be written, or a program that Triton needs is missing.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise BackendError(f"Triton cannot compile a kernel: {error}; install what is missing") from None
        raise BackendError(
            f"Triton cannot write a compiled kernel to its cache: {error}; set TRITON_CACHE_DIR to a folder that can "
            "be written"
        ) from None
    except RuntimeError as error:
        if "C compiler" not in str(error):
            raise
        raise BackendError(
            f"Triton {triton_version()} compiles its launcher with a C compiler and finds none; install gcc, or a "
            "version of Triton that needs none"
        ) from None


def compiled(launch: Launch, arrays: Mapping[str, str], *, capability: int) -> Compiled:
    """Compile the kernel of a launch.

    Args:
        launch: with a kernel that was defined outside Triton's interpreter.
        arrays: the type of each array, such as ``*bf16``; others are ``*fp32``. They begin at multiples of 16 bytes.
        capability: of the chip, such as 90.
    """
    constants, names = launch.constants, launch.kernel.arg_names
    given = [name for name in names if name not in constants]
    count = len(given) - len(launch.numbers)
    types = {name: arrays.get(name, "*fp32") for name in given[:count]}
    numbers = zip(given[count:], launch.numbers, strict=True)
    types |= {name: "fp32" if isinstance(number, float) else "i32" for name, number in numbers}
    signature = {name: types.get(name, "constexpr") for name in names}
    aligned = {(place,): [["tt.divisibility", _ALIGNED]] for place in range(count)}
    values = {(place,): constants[name] for place, name in enumerate(names) if name in constants}
    source = ASTSource(fn=launch.kernel, signature=signature, constexprs=values, attrs=aligned)
    options = launch.options() | {"enable_fp_fusion": True}
    with writable_cache():
        made = compile(source, target=GPUTarget("cuda", capability, _WARP), options=options)
    meta = made.metadata
    ptx = made.asm["ptx"]
    scratch = ptx.count(".param .", ptx.index(".entry"), ptx.index("{", ptx.index(".entry"))) - len(given)
    return Compiled(meta.name, made.asm["cubin"], ptx, meta.num_warps, meta.shared, scratch)
