"""Names of files and other texts on the command line. An input is the list of the arguments, in JSON.

A command runs in the folder ``out`` beside the input. It is never told to overwrite, so it can change nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

from peerspec.backends import reference
from peerspec.conformance import check_backend
from peerspec.conformance.render.json import dumps
from peerspec.export import export
from peerspec.reference import Layer, PeerConfig
from tests.fuzz import repros
from tests.fuzz.inputs import Input
from tests.fuzz.mutate import TEXTS
from tests.fuzz.target import Target, Way

__all__ = ["ARGUMENTS", "NAMES"]

LAYER, MODEL, REPORT, REPRO = "../layer.safetensors", "../model.onnx", "../report.json", "../repro.safetensors"
FILE, OUT, TEXT, NAME = "<file>", "<out>", "<text>", "<name>"
FILES = (
    LAYER,
    MODEL,
    REPORT,
    REPRO,
    "../folder",
    "../loop",
    "../nothing",
    f"{LAYER}/x",
    "missing",
    "missing/missing",
    ".",
    "..",
    "/",
    "",
    "/dev/null",
    "/dev/zero",
    "\udcff",
    "\x1b[31mred",
    "two\nlines",
    "a" * 300,
    "a/" * 3000,
    "-",
    "~",
    "--",
)
OUTS = (*(name for name in FILES if name != "/dev/zero"), "new", "/dev/full", "/proc/new")
SMALL = ["--size", "minimal", "--profile", "float32", "--timeout", "5"]
QUICK = [*SMALL, "--only", "gates.softmax"]
COMMANDS = (
    ["layers", FILE],
    ["export", FILE, "new"],
    ["export", LAYER, OUT],
    ["export", LAYER, "new", "--leading", TEXT],
    ["export", LAYER, "new", "--prefix", TEXT],
    ["convert", FILE, "new", "--from", "doge"],
    ["convert", LAYER, OUT, "--to", "peer-pytorch", "--repeat-keys"],
    ["convert", LAYER, "new", "--from", TEXT],
    ["convert", LAYER, "new", "--to", TEXT],
    ["convert", LAYER, "new", "--from", "peer-pytorch", "--fact", TEXT],
    ["convert", LAYER, "new", "--from", "peer-pytorch", "--leave-out", TEXT],
    ["verify", FILE],
    ["verify", MODEL, FILE],
    ["verify", MODEL, "--node", TEXT],
    ["verify", MODEL, LAYER, "--prefix", TEXT],
    ["render", FILE],
    ["render", FILE, "--check"],
    *(["render", REPORT, f"--{form}", OUT] for form in ("html", "junit", "markdown", "badge")),
    ["repro", FILE],
    ["explain", TEXT],
    ["vectors", "check", FILE],
    ["check", "reference", "--waivers", FILE, "--only", "nothing"],
    *(["check", "reference", f"--{option}", TEXT, "--only", "nothing"] for option in ("jobs", "seed", "timeout")),
    ["check", "reference", "--json", OUT, "--only", "nothing"],
    ["check", "--command", TEXT, *QUICK],
    [TEXT],
    [],
)
CALLS = (
    ["smoke", NAME],
    ["check", NAME, *QUICK],
    ["repro", REPRO, NAME],
    ["check", "reference", "--only", TEXT, *SMALL],
    ["check", "reference", "--profile", TEXT, *SMALL],
    ["check", "reference", "--resume", OUT, *QUICK],
    ["check", "reference", "--seed", TEXT, *QUICK],
)
_POSSIBLE = [text for text in TEXTS if "\0" not in text and not "\ud800" <= max(text, default="") <= "\udfff"]
"""The texts that a command line can hold."""
BACKENDS = (
    "reference",
    "torch",
    ":",
    "a:b",
    ".py",
    "peerspec.backends.reference:name",
    "os:system",
    "json",
    "x" * 5000,
    "a.b.c",
)


def seeds_of(commands: Sequence[list[str]]) -> Sequence[bytes]:
    return [json.dumps(command).encode() for command in commands]


def mutate(rng: Random, data: bytes) -> Input:
    """Fill the places of the command, and sometimes add an argument, but none that makes a whole run of ``check``."""
    found = [_filled(rng, part) for part in json.loads(data)]
    if "check" not in found and rng.random() < 0.1:
        found.insert(rng.randint(0, len(found)), rng.choice((*_POSSIBLE, *FILES)))
    return Input(json.dumps(found).encode())


def _filled(rng: Random, part: str) -> str:
    texts = (*_POSSIBLE, "float32", "core", "1", "batch")
    pools = {FILE: FILES, OUT: OUTS, TEXT: texts, NAME: (*FILES, *texts, *BACKENDS)}
    return rng.choice(pools[part]) if part in pools else part


def prepare(folder: Path) -> None:
    layer = Layer.random(PeerConfig(4, 2, 9, 2, 4))
    layer.save(folder / "layer.safetensors")
    export(layer, folder / "model.onnx")
    report = check_backend(reference, size="minimal", only=["gates.softmax"], profiles=["float32"])
    (folder / "report.json").write_text(dumps([report]), "utf-8")
    (folder / "repro.safetensors").write_bytes(repros.seeds()[0])
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "nothing").symlink_to("missing")


def arguments_of(path: Path) -> list[str]:
    found: list[str] = json.loads(path.read_bytes())
    return found


def run(path: Path) -> int:
    from peerspec.cli import main

    os.chdir(path.parent / "out")
    try:
        return main(arguments_of(path))
    finally:
        os.chdir("/")


WAYS = (Way("peerspec", run, errors=(), arguments=arguments_of),)
ARGUMENTS = Target("arguments", ".json", lambda: seeds_of(COMMANDS), mutate, WAYS, prepare)
NAMES = Target("names", ".json", lambda: seeds_of(CALLS), mutate, WAYS, prepare)
