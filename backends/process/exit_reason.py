"""Why a process ended, in words."""

from __future__ import annotations

__all__ = ["exit_reason"]

_SIGKILL = -9


def exit_reason(code: int) -> str:
    """Why a process ended, by its return code in ``subprocess``.

    Example:
        >>> exit_reason(3), exit_reason(-11)
        ('exit status 3', 'killed by signal 11')
        >>> exit_reason(-9)
        'killed by signal 9, as a system does when memory runs out'
    """
    if code >= 0:
        return f"exit status {code}"
    return f"killed by signal {-code}{', as a system does when memory runs out' if code == _SIGKILL else ''}"
