"""``include/peerspec_native.h`` for ctypes: its version, structures and functions."""

from __future__ import annotations

import ctypes

__all__ = ["INTERFACE", "SIGNATURES", "Experts", "Router", "Run"]

INTERFACE = 4
"""``PEERSPEC_INTERFACE``: a build with another number has other functions or arguments."""

_Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
_ForEach = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, _Task, ctypes.c_void_p)


class Run(ctypes.Structure):
    """``peerspec_run``: threads, instruction set, and a thread pool of the caller, which Python never passes."""

    _fields_ = (
        ("threads", ctypes.c_int32),
        ("isa", ctypes.c_int32),
        ("for_each", _ForEach),
        ("pool", ctypes.c_void_p),
    )


class Experts(ctypes.Structure):
    """``peerspec_experts``: format, activation, sizes, and the addresses of tables and scales."""

    _fields_ = (
        ("format", ctypes.c_int32),
        ("activation", ctypes.c_int32),
        ("num_experts", ctypes.c_int64),
        ("d_model", ctypes.c_int64),
        ("d_out", ctypes.c_int64),
        ("u", ctypes.c_void_p),
        ("v", ctypes.c_void_p),
        ("w", ctypes.c_void_p),
        ("u_scales", ctypes.c_void_p),
        ("v_scales", ctypes.c_void_p),
        ("w_scales", ctypes.c_void_p),
    )


class Router(ctypes.Structure):
    """``peerspec_router``: format, gate, sizes, and the addresses of the tables before the experts."""

    _fields_ = (
        ("format", ctypes.c_int32),
        ("gate", ctypes.c_int32),
        *((size, ctypes.c_int64) for size in ("d_model", "heads", "d_key", "key_heads", "n", "k")),
        *((table, ctypes.c_void_p) for table in ("weight", "bias", "keys")),
    )


_RUN, _EXPERTS, _ROUTER = ctypes.POINTER(Run), ctypes.POINTER(Experts), ctypes.POINTER(Router)
_ARRAY, _SIZE, _CODE, _NUMBER = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_double

SIGNATURES: dict[str, tuple[type, ...]] = {
    "peerspec_interface": (),
    "peerspec_best_isa": (),
    "peerspec_select": (_RUN, _CODE, *[_SIZE] * 3, *[_ARRAY] * 4),
    "peerspec_query": (_RUN, _ROUTER, _SIZE, *[_ARRAY] * 2),
    "peerspec_retrieve": (_RUN, _ROUTER, _SIZE, *[_ARRAY] * 3),
    "peerspec_retrieve_backward": (_RUN, _ROUTER, _SIZE, *[_ARRAY] * 5),
    "peerspec_gates": (_RUN, *[_CODE] * 2, *[_SIZE] * 2, *[_ARRAY] * 2),
    "peerspec_forward": (_RUN, _ROUTER, _EXPERTS, _SIZE, *[_ARRAY] * 5),
    "peerspec_expert_stage": (_RUN, _EXPERTS, *[_SIZE] * 2, *[_ARRAY] * 4),
    "peerspec_expert_stage_backward": (_RUN, _EXPERTS, *[_SIZE] * 2, *[_ARRAY] * 9),
    "peerspec_gather_sum": (_RUN, _CODE, *[_SIZE] * 4, *[_ARRAY] * 4),
    "peerspec_sort_ids": (*[_SIZE] * 2, *[_ARRAY] * 5),
    "peerspec_update_rows": (_RUN, *[_CODE] * 2, *[_SIZE] * 3, *[_ARRAY] * 5, *[_NUMBER] * 4, _SIZE),
    "peerspec_count_experts": (_RUN, _CODE, *[_SIZE] * 3, *[_ARRAY] * 4),
    "peerspec_scatter_sum": (_RUN, _CODE, *[_SIZE] * 3, *[_ARRAY] * 5),
    "peerspec_scatter_update": (_RUN, *[_CODE] * 2, *[_SIZE] * 4, *[_ARRAY] * 8, *[_NUMBER] * 4, _SIZE),
}
"""The argument types of the functions of the core; all return an int32."""
