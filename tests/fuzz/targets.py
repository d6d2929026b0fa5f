"""All targets."""

from __future__ import annotations

from tests.fuzz import (
    adapter_files,
    arguments,
    backend_files,
    checkpoints,
    journals,
    layer_files,
    onnx_models,
    replies,
    reports,
    repros,
    vectors,
    waivers,
    worker_replies,
)
from tests.fuzz.target import Target

__all__ = ["targets"]


def targets() -> tuple[Target, ...]:
    """Every target; files first, then messages, then the command line."""
    return (
        layer_files.TARGET,
        adapter_files.TARGET,
        checkpoints.TARGET,
        onnx_models.TARGET,
        waivers.TARGET,
        reports.TARGET,
        repros.TARGET,
        vectors.TARGET,
        journals.TARGET,
        replies.REPLIES,
        replies.ANSWERS,
        worker_replies.TARGET,
        backend_files.TARGET,
        arguments.ARGUMENTS,
        arguments.NAMES,
    )
