"""peerspec: the definition of PEER, and the suite that decides whether an implementation is PEER.

Each name is imported at its first use, so ``import peerspec`` loads neither NumPy nor a framework:

    import peerspec

    config = peerspec.PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
    layer = peerspec.Layer.random(config)
    report = peerspec.check_backend("reference")
"""

from __future__ import annotations

TYPE_CHECKING = False  # the name that type checkers know; importing it from typing costs more than all the rest

if TYPE_CHECKING:
    from peerspec.conformance import check_backend
    from peerspec.reference import SPEC_VERSION, Layer, PeerConfig, PeerError, forward

    __version__: str

__all__ = ["SPEC_VERSION", "Layer", "PeerConfig", "PeerError", "__version__", "check_backend", "forward"]

_MODULE_OF = {
    "Layer": "peerspec.reference",
    "PeerConfig": "peerspec.reference",
    "PeerError": "peerspec.reference",
    "SPEC_VERSION": "peerspec.reference",
    "check_backend": "peerspec.conformance",
    "forward": "peerspec.reference",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("peerspec")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
