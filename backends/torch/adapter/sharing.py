"""One routing for all targets that read one input, within one call of the module that calls them (SPEC.md, ADP-2).

While such a module runs, it has a list of the routings of its inputs. An input is the same if it is the same tensor,
was not changed in place since, and autograd is on or off as before; else the routing is computed anew. The list goes
with the call, also if the call raises, so nothing outlives it: neither memory nor an old routing in a later call. Each
thread has lists of its own. A target that is called alone shares nothing.

In ``torch.inference_mode`` and in a compiled graph a change in place is not seen, because torch does not count it
there. Elsewhere it is; and where gradients are wanted, torch refuses it, because the adapter needs the input for them.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from peerspec.backends.torch.adapter.module import PEERAdapter
from peerspec.backends.torch.forward import Routing

__all__ = ["share_no_more", "share_routings", "shared_routing"]


class _Known(NamedTuple):
    """The routing of an adapter for an input."""

    adapter: PEERAdapter
    x: Tensor
    state: tuple[int, bool]
    at: Routing


class _Calls(threading.local):
    """The calls that run in this thread, the innermost last, each with the routings that it knows."""

    def __init__(self) -> None:
        self.running: list[tuple[nn.Module, list[_Known]]] = []


_CALLS = _Calls()


def shared_routing(adapter: PEERAdapter, x: Tensor) -> Routing:
    """``adapter.route(x)``, or what it gave for this input in the call that runs."""
    if not _CALLS.running:
        return adapter.route(x)
    known = _CALLS.running[-1][1]
    uncounted = torch.compiler.is_compiling() or x.is_inference()
    state = 0 if uncounted else x._version, torch.is_grad_enabled()
    for each in known:
        if each.adapter is adapter and each.x is x and each.state == state:
            return each.at
    at = adapter.route(x)
    known.append(_Known(adapter, x, state, at))
    return at


def share_routings(caller: nn.Module) -> None:
    """Let the targets that this module calls share routings."""
    if not any(hook is _begin for hook in caller._forward_pre_hooks.values()):
        caller.register_forward_pre_hook(_begin)
        caller.register_forward_hook(_end, always_call=True)


def share_no_more(caller: nn.Module) -> None:
    """Undo ``share_routings``."""
    for hooks in (caller._forward_pre_hooks, caller._forward_hooks):
        for key in [key for key, hook in hooks.items() if hook in (_begin, _end)]:
            del hooks[key]
            caller._forward_hooks_always_called.pop(key, None)


def _begin(module: nn.Module, args: Any) -> None:
    running = _CALLS.running
    for place, (other, _) in enumerate(running):
        if other is module:  # a call that was interrupted, so that its end was not seen
            del running[place:]
            break
    running.append((module, []))


def _end(module: nn.Module, args: Any, output: Any) -> None:
    if _CALLS.running and _CALLS.running[-1][0] is module:
        _CALLS.running.pop()
