"""Repros: a failure in two files that anyone can replay."""

from peerspec.conformance.repro.file import Repro, ReproError
from peerspec.conformance.repro.replay import Replay, replay, write_repro

__all__ = ["Replay", "Repro", "ReproError", "replay", "write_repro"]
