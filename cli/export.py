"""``peerspec export``: write a layer as an ONNX model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from peerspec.cli.options import Overwrite, Prefix
from peerspec.files.shown import printable

__all__ = ["export"]


class Tables(StrEnum):
    """Formats with fewer bytes for the tables of experts."""

    FLOAT16 = "float16"
    INT8 = "int8"


class Body(StrEnum):
    """How the model reads the rows of experts without kernels."""

    GATHER = "gather"
    SCAN = "scan"


def export(
    layer: Annotated[Path, typer.Argument(metavar="LAYER", help="A layer file (PAR-6).")],
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The ONNX file to write.")],
    prefix: Prefix = None,
    leading: Annotated[
        str,
        typer.Option(help="Names of the leading axes of x, between commas; empty for one token.", metavar="NAMES"),
    ] = "batch,sequence",
    no_routing: Annotated[bool, typer.Option("--no-routing", help="Omit scores, indices and gates.")] = False,
    body: Annotated[
        Body, typer.Option(help="Gather the rows of all tokens at once, or scan the tokens in little memory.")
    ] = Body.GATHER,
    inline: Annotated[bool, typer.Option("--inline", help="Write standard operators only, no functions.")] = False,
    tables: Annotated[
        Tables | None,
        typer.Option(help="Store the experts of a float32 layer in fewer bytes; the file states the error of y."),
    ] = None,
    overwrite: Overwrite = False,
) -> int:
    """Write a layer as an ONNX model of opset 18. Large tables go to MODEL.data beside it, or to
    MODEL.TOKEN.data where a model is replaced."""
    from peerspec.cli.files import refuse_existing
    from peerspec.cli.layer_file import load_layer, one_prefix
    from peerspec.cli.progress import waiting
    from peerspec.export import export as write
    from peerspec.files.shell import command_line
    from peerspec.reference import PeerError

    name = one_prefix(prefix)
    if not model.name:
        raise PeerError(f"{model} is a folder; name the file to write")
    for path in (model, model.with_name(f"{model.name}.data")):
        _refuse_same(path, layer)
        refuse_existing(path, overwrite=overwrite)
    axes = tuple(axis.strip() for axis in leading.split(",")) if leading.strip() else ()
    with waiting(f"writing {model.name}"):
        write(
            load_layer(layer, name),
            model,
            leading=axes,
            routing=not no_routing,
            body=body.value,
            inline=inline,
            tables=tables.value if tables else None,
            overwrite=overwrite,
        )
    again = command_line("peerspec", "verify", model, layer, *([f"--prefix={name}"] if name else []))
    print(f"wrote {printable(str(model))}; verify it: {again}")
    return 0


def _refuse_same(output: Path, layer: Path) -> None:
    from peerspec.reference import PeerError

    if output.exists() and layer.exists() and output.samefile(layer):
        raise PeerError(f"{output} is the layer file itself; name another MODEL")
