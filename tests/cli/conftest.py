"""The command as a function, and backends as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from peerspec.cli import main

OWN = '''"""A PEER layer in NumPy: float32, the profile core."""

import math

import numpy as np

from peerspec.reference import Output

name = "mine"
profiles = ["float32"]

erf = np.vectorize(math.erf, otypes=["f4"])
activations = {
    "identity": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "gelu": lambda a: a * (1 + erf(a / math.sqrt(2))) / 2,
    "gelu_tanh": lambda a: a * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3))) / 2,
    "silu": lambda a: a / (1 + np.exp(-a)),
}


def forward(layer, x, *, mask=None, training=False):
    c, p = layer.config, layer.params
    q1, q2 = np.split(np.einsum("hcd,...d->...hc", p["query.weight"], x), 2, axis=-1)
    s1, s2 = q1 @ p["keys"][0, 0].T, q2 @ p["keys"][0, 1].T
    everyone = (s1[..., :, None] + s2[..., None, :]).reshape(*s1.shape[:-1], c.num_experts)
    ids = np.argsort(-everyone, axis=-1)[..., : c.top_k]
    scores = np.take_along_axis(everyone, ids, axis=-1)
    gates = np.exp(scores - scores.max(-1, keepdims=True))
    gates /= gates.sum(-1, keepdims=True)
    u, v = p["experts.u"][ids], p["experts.v"][ids]
    weights = gates * activations[c.activation](np.einsum("...hkd,...d->...hk", u, x))
    return Output(np.einsum("...hk,...hkm->...m", weights, v), scores, ids, gates)
'''


@dataclass(frozen=True)
class Result:
    """The outcome of a command."""

    status: int
    out: str
    err: str


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., str]:
    """A function that writes the backend of the README to a file, with replacements, and returns its name."""

    def write(*changes: tuple[str, str]) -> str:
        text = OWN
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "mine.py").write_text(text, "utf-8")
        return str(tmp_path / "mine.py")

    return write


@pytest.fixture
def peerspec(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, run in this process; its workers are real."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> Result:
        status = main([str(argument) for argument in arguments])
        found = capfd.readouterr()
        assert "Traceback" not in found.out + found.err
        return Result(status, found.out, found.err)

    return run
