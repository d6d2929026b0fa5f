"""``peerspec export``: write a layer as an ONNX model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export"]


class Tables(StrEnum):
    """What the tables of experts may be stored in."""

    FLOAT16 = "float16"
    INT8 = "int8"


class Body(StrEnum):
    """How the experts' rows are read where no kernel serves."""

    GATHER = "gather"
    SCAN = "scan"


def export(
    layer: Annotated[Path, typer.Argument(metavar="LAYER", help="A layer file (PAR-4).")],
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The ONNX file to write.")],
    leading: Annotated[
        str,
        typer.Option(help="Names of the leading axes of x, with commas; empty for a single token.", metavar="NAMES"),
    ] = "batch,sequence",
    no_routing: Annotated[bool, typer.Option("--no-trace", help="Leave out scores, ids and gates.")] = False,
    body: Annotated[
        Body, typer.Option(help="Gather the experts of all tokens at once, or scan the tokens in bounded memory.")
    ] = Body.GATHER,
    inline: Annotated[bool, typer.Option("--inline", help="Standard operators alone, without functions.")] = False,
    tables: Annotated[
        Tables | None,
        typer.Option(help="Store the experts of a float32 layer in fewer bytes; the file states how far y is off."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model if it exists.")] = False,
) -> int:
    """Write a layer as an ONNX model of opset 18; large tables go to MODEL.data beside it."""
    from peerspec.cli.files import refuse_existing
    from peerspec.export import export as write
    from peerspec.reference import Layer

    for path in (model, model.with_name(f"{model.name}.data")):
        refuse_existing(path, overwrite=overwrite)
    axes = tuple(axis.strip() for axis in leading.split(",")) if leading.strip() else ()
    write(
        Layer.load(layer),
        model,
        leading=axes,
        routing=not no_routing,
        body=body.value,
        inline=inline,
        tables=tables.value if tables else None,
        overwrite=overwrite,
    )
    print(f"{model} written; `peerspec verify {model} {layer}` judges it")
    return 0
