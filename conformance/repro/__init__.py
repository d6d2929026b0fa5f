"""Repros: a failure in two files that anyone can replay."""

from peerspec.conformance.repro.replay import Replay, replay
from peerspec.conformance.repro.repro import Repro, ReproError
from peerspec.conformance.repro.write import write_repro

__all__ = ["Replay", "Repro", "ReproError", "replay", "write_repro"]
