"""A program in any language as a backend: JSON lines on its standard streams, tensors in safetensors files.

``schemas/`` describes the messages, ``docs/any-language.md`` the way to a first verdict.
"""

from peerspec.backends.process.backend import Command, ProcessBackend
from peerspec.backends.process.errors import ProcessError, RefusalError

__all__ = ["Command", "ProcessBackend", "ProcessError", "RefusalError"]
