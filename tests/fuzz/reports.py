"""Reports, as JSON: those that another version wrote, and those that somebody changed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from peerspec.backends import reference
from peerspec.conformance import check_backend
from peerspec.conformance.render.badge import badge
from peerspec.conformance.render.html import page
from peerspec.conformance.render.integrity import check_integrity, recorded_hashes
from peerspec.conformance.render.json import ReportError, dumps, loads
from peerspec.conformance.render.junit import junit
from peerspec.conformance.render.markdown import markdown
from peerspec.reference import Output
from tests.fuzz.inputs import Input
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.mutate_json import changed_json
from tests.fuzz.target import Target, Way, command

__all__ = ["TARGET"]


class Wrong:
    """A backend with wrong answers, an exception and a reason for declining."""

    name, profiles = "wrong", ("float32", "float64")

    def forward(self, layer: Any, x: Any, *, mask: Any = None, training: bool = False) -> Output:
        if layer.config.query_norm == "batch":
            raise ValueError("first\nsecond")
        out = reference.forward(layer, x, mask=mask, training=training)
        return Output(out.y * 2, out.scores, out.indices, out.gates, out.state)

    def supports(self, config: Any, dtype: Any) -> bool | str:
        return config.activation != "silu" or "no silu"


@cache
def seeds() -> Sequence[bytes]:
    right = check_backend(reference, size="minimal", only=["gates", "select.ids"], profiles=["float32", "select"])
    only = ["structure", "output", "norm.training"]
    wrong = check_backend(Wrong(), size="minimal", only=only, profiles=["float32"], waivers={"output.sum": "known"})
    return [dumps(each).encode() for each in ([right], [wrong], [right, wrong])]


def mutate(rng: Random, data: bytes) -> Input:
    if rng.random() < 0.2:
        return mutate_bytes(rng, data, seeds())
    text = changed_json(rng, data.decode(), limit=rng.choice((1, 1, 4)))
    return Input(text.encode("utf-8", "surrogatepass"))


def text_of(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(1 << 20).decode("utf-8", "replace")


def read(path: Path) -> None:
    text = text_of(path)
    reports = loads(text)
    if not reports:
        return
    for form in (page(reports, recorded_hashes(text)), markdown(reports), junit(reports), badge(reports)):
        form.encode()
    dumps(reports)


def check(path: Path) -> None:
    check_integrity(text_of(path))


def written(path: Path) -> list[str]:
    out = path.parent / "out"
    forms = [part for form in ("html", "junit", "markdown", "badge") for part in (f"--{form}", str(out / form))]
    return ["render", str(path), *forms, "--overwrite"]


TARGET = Target(
    "reports",
    ".json",
    seeds,
    mutate,
    (
        Way("loads and every form", read, errors=(ReportError,)),
        Way("check_integrity", check, errors=(ReportError,)),
        command("render", lambda path: ["render", str(path)], every=2),
        command("render --check", lambda path: ["render", str(path), "--check"], every=4),
        command("render to files", written, every=4),
    ),
)
