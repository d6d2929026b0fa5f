"""The program beside the tensors of a repro: comments that describe the failure, and a few lines that replay it."""

from __future__ import annotations

import textwrap

from peerspec.conformance.cases.adapter_case import AdapterCase
from peerspec.conformance.cases.case import ComparisonCase, Halves, Subject
from peerspec.conformance.cases.options import sizes
from peerspec.conformance.repro.repro import BackendKind, Repro

__all__ = ["describe", "program"]

_PROGRAM = """\
{comment}
#
#   python {name} [BACKEND]
#
# Exit status: 1 if the check fails, 0 if it holds, 2 if it cannot be run.

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the folder of this file: what lies in it, a json.py for example, takes the place of no module

from pathlib import Path
{imports}
from peerspec.conformance.repro import replay

backend = sys.argv[1] if sys.argv[1:] else {backend}
found = replay(Path(__file__).with_suffix(".safetensors"), backend)
print(found.text)
sys.exit(found.status)
"""


def program(repro: Repro, name: str) -> str:
    """The text of the program with that file name."""
    backend = {BackendKind.NAME: repr(repro.backend), BackendKind.COMMAND: f"Command({repro.backend!r})"}
    lines = [
        f"{repro.title} on {repro.backend}: {repro.check} in {repro.precision}, spec {repro.spec}.",
        repro.message,
        f"The case: {describe(repro.subject)}.",
    ]
    return _PROGRAM.format(
        comment="\n".join(part for line in lines for part in _comment(line)),
        name=name,
        imports="\nfrom peerspec.backends.process import Command" if repro.kind is BackendKind.COMMAND else "",
        backend=backend.get(repro.kind, "None"),
    )


def _comment(text: str) -> list[str]:
    """Lines of comment; a text from a backend may hold anything, line ends too."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.wrap(plain, 118, initial_indent="# ", subsequent_indent="# ")


def describe(subject: Subject) -> str:
    """The sizes of a subject, in one line."""
    if isinstance(subject, Halves):
        return f"k={subject.k}, half scores of shape {subject.scores1.shape}"
    words = ["exact"] * subject.exact + ["training"] * subject.training
    if isinstance(subject, ComparisonCase):
        return ", ".join([str(subject.layer.config), *words, f"x of shape {subject.x.shape}"])
    if isinstance(subject, AdapterCase):
        targets = ", ".join(f"{name} of width {len(base.weight)}" for name, base in subject.bases.items())
        words += [f"an adapter of rank {subject.rank} with alpha {subject.alpha:g} for {targets}"]
    return ", ".join([sizes(subject.layer.config), *words, f"x of shape {subject.x.shape}"])
