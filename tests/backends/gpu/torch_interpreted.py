"""The torch backend over the Triton kernels, interpreted on the CPU. Needs TRITON_INTERPRET=1."""

from typing import Any

import fast_interpreter

from peerspec.backends.torch import backend
from peerspec.backends.torch.kernels import interpreted

fast_interpreter.install()
name, profiles = "torch over interpreted kernels", backend.profiles


def forward(*arguments: Any, **options: Any) -> Any:
    with interpreted():
        return backend.forward(*arguments, **options)


def select(*arguments: Any) -> Any:
    with interpreted():
        return backend.select(*arguments)


def gradients(*arguments: Any, **options: Any) -> Any:
    with interpreted():
        return backend.gradients(*arguments, **options)
