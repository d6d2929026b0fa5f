"""The program beside the tensors of a repro: comments that say what was found, and a few lines that ask again."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from peerspec.conformance.trials.single_check import Halves, Subject

if TYPE_CHECKING:
    from peerspec.conformance.repro.file import Repro

__all__ = ["describe", "program"]

_PROGRAM = """\
{comment}
#
#   python {name} [BACKEND]
#
# ends with 1 while the check fails, with 0 when it holds, and with 2 when it cannot be put.

import sys
from pathlib import Path
{imports}
from peerspec.conformance.repro import replay

backend = sys.argv[1] if sys.argv[1:] else {backend}
found = replay(Path(__file__).with_suffix(".safetensors"), backend)
print(found.text)
sys.exit(found.status)
"""


def program(repro: Repro, name: str) -> str:
    """The text of the program of that name."""
    backend = {"name": repr(repro.backend), "command": f"Command({repro.backend!r})"}
    lines = [
        f"{repro.clause} on {repro.backend}: {repro.check} in {repro.precision}, spec {repro.spec}.",
        repro.message,
        f"The case: {describe(repro.subject)}.",
    ]
    return _PROGRAM.format(
        comment="\n".join(part for line in lines for part in _comment(line)),
        name=name,
        imports="\nfrom peerspec.backends.process import Command" if repro.kind == "command" else "",
        backend=backend.get(repro.kind, "None"),
    )


def _comment(text: str) -> list[str]:
    """Lines of comment: what a backend said may hold anything, line ends too."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.wrap(plain, 118, initial_indent="# ", subsequent_indent="# ")


def describe(subject: Subject) -> str:
    """Its sizes, in a line."""
    if isinstance(subject, Halves):
        return f"k={subject.k}, half scores of shape {subject.scores1.shape}"
    c, words = subject.layer.config, ["exact"] * subject.exact + ["training"] * subject.training
    sizes = f"D={c.d_model} M={c.d_out} h={c.heads} n={c.n} k={c.top_k} d={c.d_key}"
    return ", ".join([sizes, c.activation, *words, f"x of shape {subject.x.shape}"])
