"""The errors of a program that are faults, never failed clauses."""

from peerspec.backends.protocol import BackendError

__all__ = ["ProcessError", "RefusalError"]


class ProcessError(BackendError):
    """A program does not start, does not answer, or its answer cannot be read."""


class RefusalError(ProcessError):
    """A program replied that it cannot answer this message; it can still answer others."""
