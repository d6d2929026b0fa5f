"""A program in any language as a backend: JSON lines on its standard streams, tensors in safetensors files.

The messages are described in ``schemas/``, the way to a first verdict in ``docs/any-language.md``.
"""

from peerspec.backends.process.backend import Command, ProcessBackend
from peerspec.backends.process.errors import ProcessError, RefusalError

__all__ = ["Command", "ProcessBackend", "ProcessError", "RefusalError"]
