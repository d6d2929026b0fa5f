"""What a program can do wrong before any clause is asked."""

from peerspec.backends.protocol import BackendError

__all__ = ["ProcessError", "RefusalError"]


class ProcessError(BackendError):
    """A program that does not start, does not answer, or answers with something that cannot be read."""


class RefusalError(ProcessError):
    """A program's own word that it cannot answer; it may be asked again."""
