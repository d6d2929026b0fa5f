"""``peerspec convert``: a layer from the checkpoint of another project, or as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from peerspec.cli.options import Overwrite
from peerspec.files.shown import printable

__all__ = ["convert"]


def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A safetensors file to read.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The safetensors file to write.")],
    source: Annotated[
        str | None, typer.Option("--from", help="FILE is a checkpoint in this layout.", metavar="LAYOUT")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", help="FILE is a layer file, and OUT has this layout.", metavar="LAYOUT")
    ] = None,
    prefix: Annotated[
        list[str] | None, typer.Option(help="What stands before the names of the layer in FILE.", metavar="PREFIX")
    ] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(help="What the checkpoint does not show, such as top_k=16.", metavar="NAME=VALUE"),
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="A tensor that is not part of the layer.", metavar="NAME")
    ] = None,
    repeat_keys: Annotated[
        bool, typer.Option("--repeat-keys", help="With --to: give each head a copy of common keys.")
    ] = False,
    overwrite: Overwrite = False,
) -> int:
    """Convert the weights of a layer from or to the layout of another project.

    A layout without such a name, or a fact that is missing, is answered with those that there are.
    """
    from peerspec.cli.files import refuse_existing, refuse_same_files
    from peerspec.cli.layer_file import one_prefix
    from peerspec.reference import PeerError

    if (source is None) == (target is None):
        raise PeerError("name the layout of FILE with --from, or that of OUT with --to")
    if source is None and (fact or leave_out):
        raise PeerError("--fact and --leave-out describe a checkpoint; they need --from")
    if target is None and repeat_keys:
        raise PeerError("--repeat-keys changes a layer that is written; it needs --to")
    refuse_same_files({"OUT": out}, [file])
    refuse_existing(out, overwrite=overwrite)
    if source is not None:
        return _read(file, out, source, one_prefix(prefix), fact or (), leave_out or (), overwrite)
    assert target is not None
    return _write(file, out, target, one_prefix(prefix), repeat_keys, overwrite)


def _read(
    file: Path, out: Path, layout: str, prefix: str, facts: Sequence[str], leave_out: Sequence[str], overwrite: bool
) -> int:
    from peerspec.cli.progress import waiting
    from peerspec.interchange import from_layout, read_tensors
    from peerspec.interchange.known import layout_named
    from peerspec.interchange.stating import check_facts

    stated = _facts(facts)
    if layout_named(layout).has_experts:
        check_facts(layout_named(layout), stated)  # before they become arguments by name
    with waiting(f"reading {file.name}"):
        tensors = read_tensors(file, prefix=prefix)
        layer = from_layout(layout, tensors, prefix=prefix, leave_out=leave_out, **stated)
    with waiting(f"writing {out.name}"):
        layer.save(out, overwrite=overwrite)
    print(f"wrote {printable(str(out))}: {layer.dtype}, {layer.config}")
    return 0


def _write(file: Path, out: Path, layout: str, prefix: str, repeat_keys: bool, overwrite: bool) -> int:
    from peerspec.cli.layer_file import load_layer
    from peerspec.cli.progress import waiting
    from peerspec.files.shell import command_line
    from peerspec.interchange import LAYOUTS, to_layout, with_keys_per_head, write_tensors

    layer = load_layer(file, prefix)
    layer = with_keys_per_head(layer) if repeat_keys else layer
    with waiting(f"writing {out.name}"):
        write_tensors(to_layout(layout, layer), out, overwrite=overwrite)
    facts = [f"--fact={name}={value}" for name, value in LAYOUTS[layout].facts_of(layer.config).items()]
    again = command_line("peerspec", "convert", out, "LAYER", f"--from={layout}", *facts)
    print(f"wrote {printable(str(out))}; read it again: {again}")
    return 0


def _facts(given: Sequence[str]) -> dict[str, int | str]:
    """The facts by name; digits are a number.

    Raises:
        PeerError: one has no name or is given twice.
    """
    from peerspec.files.shown import shown
    from peerspec.reference import PeerError

    facts: dict[str, int | str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name or name in facts:
            raise PeerError(f"--fact {shown(each)} must be NAME=VALUE, with each name once")
        facts[name] = int(value) if value.isascii() and value.isdigit() and len(value) < 100 else value
    return facts
