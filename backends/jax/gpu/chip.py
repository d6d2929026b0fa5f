"""For which chip programs are compiled, and whether the Triton kernels take part."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

import jax

from peerspec.backends.gpu.package import (
    OLDEST_CHIP,
    chip_text,
    reason_against_chip,
    reason_against_package,
    triton_version,
)
from peerspec.native.library import NativeError, handler
from peerspec.reference import InputError

__all__ = ["capability", "compile_for", "computed_by", "reason_against_launcher", "runs_triton"]

TARGET = "peerspec_launch"

_chosen = jax.make_user_context(0)  # type: ignore[no-untyped-call]  # not annotated


def compile_for(capability: int) -> AbstractContextManager[None]:
    """What is traced and lowered for CUDA inside the block uses kernels for chips of this capability, such as 90.

    For ``jax.export`` on a machine without such a chip. Elsewhere the first CUDA device decides.

    Raises:
        InputError: chips of this capability cannot run the kernels.
        NativeError: Triton or the native core is missing.

    Example:
        >>> with compile_for(90):
        ...     lowered = jax.jit(jax.numpy.sin).trace(1.0).lower(lowering_platforms=("cuda",))
    """
    if reason := reason_against_chip("the chip", capability):
        raise InputError(f"{reason}; pass a capability from {OLDEST_CHIP} on")
    if reason := _reason_against_parts():
        raise NativeError(reason)
    context: AbstractContextManager[None] = _chosen(capability)
    return context


def runs_triton() -> bool:
    """Whether programs for CUDA that are traced now use the Triton kernels."""
    return bool(_chosen.value) or (bool(_device()) and not reason_against_triton())


def capability() -> int:
    """The capability for which kernels are compiled."""
    chosen: int = _chosen.value
    device = _device()
    return chosen or (0 if device is None else _capability_of(device))


@cache
def reason_against_triton() -> str:
    """Why programs on the first CUDA device use library operations; empty if they use the Triton kernels."""
    device = _device()
    if device is None:
        return "JAX finds no CUDA device"
    return reason_against_chip(device.device_kind, _capability_of(device)) or _reason_against_parts()


def computed_by() -> str:
    """What computes on the first CUDA device, and why not Triton where it does not."""
    device = _device()
    name = "CUDA" if device is None else device.device_kind
    if reason := reason_against_triton():
        return f"library operations on {name}: {reason}"
    return f"Triton {triton_version()} on {name} ({chip_text(capability())})"


@cache
def _device() -> jax.Device | None:
    try:
        return jax.devices("cuda")[0]
    except RuntimeError:  # JAX has no CUDA plugin, or the plugin finds no device
        return None


def _capability_of(device: jax.Device) -> int:
    return int(str(device.compute_capability).replace(".", ""))


def _reason_against_parts() -> str:
    """Why kernels cannot be compiled or started."""
    return reason_against_package() or reason_against_launcher()


@cache
def reason_against_launcher() -> str:
    """Why XLA cannot start kernels; it learns here how, also those of a program that was compiled elsewhere."""
    try:
        capsule = jax.ffi.pycapsule(handler("launch"))  # type: ignore[no-untyped-call]  # not annotated
        jax.ffi.register_ffi_target(TARGET, capsule, platform="CUDA")
    except (NativeError, AttributeError) as error:
        return f"the native core, which starts the kernels, is missing: {error}"
    except RuntimeError as error:
        return f"this version of JAX refuses the launcher of the native core: {error}"
    return ""
