"""The activations σ and their derivatives in float32 (SPEC.md, ACT-1, GRD-6). A NaN stays a NaN (NFT-1)."""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["ACTIVATIONS", "activate", "activate_derivative", "logistic"]

ACTIVATIONS = {"relu": 0, "gelu": 1, "gelu_tanh": 2, "silu": 3, "identity": 4}
"""The number of each activation, which selects it when a kernel is compiled."""

_SQRT_HALF = tl.constexpr(0.7071067811865476)
_DENSITY_AT_0 = tl.constexpr(0.3989422804014327)
_CUBE = tl.constexpr(0.044715)
_TWICE_C = tl.constexpr(1.5957691216057308)


@triton.jit
def logistic(z):
    """1/(1 + e⁻ᶻ); no exponential overflows."""
    small = tl.exp(-tl.abs(z))
    return tl.where(z < 0, small, 1.0) / (1.0 + small)


@triton.jit
def activate(a, ACTIVATION: tl.constexpr):
    """σ(a); ``gelu`` by the exact error function."""
    if ACTIVATION == 0:
        return tl.where(a < 0, 0.0, a)
    elif ACTIVATION == 1:
        return 0.5 * a * (1.0 + tl.erf(a * _SQRT_HALF))
    elif ACTIVATION == 2:  # (1 + tanh z)/2 is the logistic function of 2z
        return a * logistic((a + a * a * a * _CUBE) * _TWICE_C)
    elif ACTIVATION == 3:
        return a * logistic(a)
    else:
        return a


@triton.jit
def activate_derivative(a, ACTIVATION: tl.constexpr):
    """σ′(a); that of relu at 0 is 0."""
    if ACTIVATION == 0:
        return tl.where(a <= 0, 0.0, tl.where(a > 0, 1.0, a))
    elif ACTIVATION == 1:
        return 0.5 * (1.0 + tl.erf(a * _SQRT_HALF)) + a * _DENSITY_AT_0 * tl.exp(-0.5 * a * a)
    elif ACTIVATION == 2:
        s = logistic((a + a * a * a * _CUBE) * _TWICE_C)
        slope = s * (1.0 - s)  # 0 where a² may overflow
        return s + tl.where(slope == 0, 0.0, a * slope * _TWICE_C * (1.0 + a * a * 3.0 * _CUBE))
    elif ACTIVATION == 3:
        s = logistic(a)
        return s * (1.0 + a * (1.0 - s))
    else:
        return tl.where(a == a, 1.0, a)
