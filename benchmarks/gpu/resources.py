"""What the kernels take of a chip, from their machine code; no GPU is needed.

    python benchmarks/gpu/resources.py [--chips 80 90 100] [--write benchmarks/results/gpu/resources.json]

For each kernel in the sizes of a large layer: registers, bytes on the stack and of shared memory, spilled words, widths
of loads from memory in bytes, and bytes of the image. The exit status is 1 if a kernel spills, or has an atomic
addition of floats.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import triton

from peerspec.backends.gpu import experts, pairs, router, rows, selection
from peerspec.backends.gpu.compiled import Compiled, compiled
from peerspec.backends.gpu.settings import rows_launch, selection_launch, stage_launch

CHIPS = (80, 90, 100)
TYPES = {"bfloat16": "*bf16", "float32": "*fp32"}
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
PAIRS, TOKENS = 128, 8192
FLOATS = dict.fromkeys(("rate", "epsilon", "beta1", "beta2", "correction"), "fp32")


class Variant(NamedTuple):
    """A kernel in one size."""

    name: str
    kernel: Any
    arguments: dict[str, str]
    constants: dict[str, Any]
    warps: int


def variants() -> Iterator[Variant]:
    """All kernels, in the sizes and with the launches of large layers."""
    yield from selections()
    for dtype, table in TYPES.items():
        for width in (256, 768, 1000, 1024, 8192):
            for glu in (False, True):
                yield from stages(dtype, table, width, glu=glu)
            yield from sums(dtype, table, width)
    yield from helpers()


def selections() -> Iterator[Variant]:
    arguments = {"halves": "*fp32", "staircase": "*i32", "scores": "*fp32", "ids": "*i64", "rows": "i32"}
    for n, k in ((128, 16), (1024, 16), (1024, 64), (4096, 64)):
        tiles, _ = selection.selection_tiles(n, k)
        launch = selection_launch(n, k, TOKENS)
        constants = {"N": n, "K": k, "KEY_HEADS": 1, "ROWS": launch.rows, "COUNT": tiles.count, "CELLS": tiles.cells}
        constants |= {"RANKS": tiles.ranks, "ANSWERS": tiles.answers, "GROUPS": tiles.groups, "MEMBERS": tiles.members}
        yield Variant(f"select n={n} k={k}", selection.select_kernel, arguments, constants, launch.warps)


def stages(dtype: str, table: str, width: int, *, glu: bool) -> Iterator[Variant]:
    launch = stage_launch(width, TOKENS, PAIRS)
    power = triton.next_power_of_2(width)
    sizes: dict[str, Any] = {"K": PAIRS, "D": width, "M": width, "WIDTH_D": power, "WIDTH_M": power}
    sizes |= {"EXPERTS": launch.rows, "PER": launch.per, "ACTIVATION": 1, "GLU": glu}
    name = f"{dtype} D={width}{' GLU' * glu}"
    common = {"ids": "*i64", "gates": "*fp32", "products": "*fp32", "tokens": "i32", "u": table, "v": table, "w": table}
    forward = common | {"x": "*fp32", "y": "*fp32"}
    yield Variant(f"expert stage {name}", experts.expert_stage_kernel, forward, sizes, launch.warps)
    names = ("dy", "dx", "dgates", "weights_u", "weights_v", "weights_w")
    backward = common | dict.fromkeys(names, "*fp32")
    constants = sizes | {"NEEDS_DX": True}
    yield Variant(f"its gradients {name}", experts.expert_stage_backward_kernel, backward, constants, launch.warps)


def sums(dtype: str, table: str, width: int) -> Iterator[Variant]:
    launch = rows_launch(width, TOKENS * PAIRS)
    arguments = {"order": "*i64", "places": "*i32", "rows": "*i64", "starts": "*i64", "pairs": "i32", "table": table}
    arguments |= dict.fromkeys(("weights", "x", "parts", "first", "second"), "*fp32") | FLOATS
    sizes = {"D": width, "WIDTH": triton.next_power_of_2(width), "BLOCK": launch.per}
    targets = {
        "compact": rows.COMPACT,
        "dense": rows.DENSE,
        "SGD": rows.SGD,
        "Adagrad": rows.ADAGRAD,
        "Adam": rows.ADAM,
    }
    for name, target in targets.items():
        constants = sizes | {"TARGET": target}
        first = constants | {"K": PAIRS, "EXPERTS": launch.rows}
        yield Variant(f"sum rows {name} {dtype} D={width}", rows.sum_rows_kernel, arguments, first, launch.warps)
        crossing = rows.finish_crossing_rows_kernel
        yield Variant(f"crossing rows {name} {dtype} D={width}", crossing, arguments, constants, launch.warps)


def helpers() -> Iterator[Variant]:
    ids = {"ids": "*i32", "marks": "*i32", "pairs": "i32"}
    yield Variant("mark rows", pairs.mark_rows_kernel, ids, {"BLOCK": 256}, 4)
    more = ids | {"places": "*i32", "rows": "*i64", "starts": "*i64"}
    yield Variant("write rows", pairs.write_rows_kernel, more, {"BLOCK": 256}, 4)
    sizes = {"HEADS": 8, "KEY_HEADS": 1, "N": 1024, "K": 16}
    arguments = {"ids": "*i64", "dscores": "*fp32", "keys": "*bf16", "dq": "*fp32"}
    constants = sizes | {"HALF": 64, "ANSWERS": 16, "WIDTH": 64}
    yield Variant("query gradient", router.query_gradient_kernel, arguments, constants, 1)
    rows_of = {"ids": "*i64", "rows": "*i32", "pairs": "i32"}
    yield Variant("sub-keys", router.sub_keys_kernel, rows_of, sizes | {"BLOCK": 1024}, 4)
    parts = {"parts": "*fp32", "out": "*fp32", "count": "i32"}
    yield Variant("sum parts", experts.sum_parts_kernel, parts, {"PARTS": 4, "BLOCK": 1024}, 4)


def resources(made: Compiled) -> dict[str, Any]:
    """What the machine code says."""
    with NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.cubin)
        file.flush()
        usage = _run("cuobjdump", "-res-usage", file.name)
        code = _run("nvdisasm", "-c", file.name)
    operations = re.findall(r"^\s+(?:/\*[0-9a-f]+\*/\s+)?(?:@!?U?P\d+\s+)?([A-Z][A-Z0-9_.]+)", code, re.M)
    loads = Counter(_bytes(operation) for operation in operations if operation.startswith("LDG"))
    return {
        "registers": int(re.search(r"REG:(\d+)", usage)[1]),  # type: ignore[index]
        "stack": int(re.search(r"STACK:(\d+)", usage)[1]),  # type: ignore[index]
        "shared": made.shared,
        "spills": sum(operation.split(".")[0] in ("LDL", "STL") for operation in operations),
        "float atomics": len(re.findall(r"(?:atom|red)\.[\w.:]*add[\w.]*\.(?:f16|bf16|f32|f64)", made.ptx)),
        "loads": {str(width): count for width, count in sorted(loads.items())},
        "warps": made.warps,
        "bytes": len(made.cubin),
    }


def _bytes(operation: str) -> int:
    widths = {"128": 16, "64": 8, "U16": 2, "S16": 2, "U8": 1, "S8": 1}
    return next((width for part, width in widths.items() if part in operation.split(".")), 4)


def _run(tool: str, *arguments: str) -> str:
    return subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True, check=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chips", type=int, nargs="*", default=CHIPS)
    parser.add_argument("--only", default="", help="kernels whose name contains this")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    for chip in options.chips:
        for name, kernel, arguments, constants, warps in variants():
            if options.only in name:
                made = compiled(kernel, arguments, constants, capability=chip, warps=warps)
                row = found.setdefault(str(chip), {})[name] = resources(made)
                print(f"sm_{chip} {name}: {', '.join(f'{key} {value}' for key, value in row.items())}", flush=True)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(json.dumps({"triton": triton.__version__, "chips": found}, indent=1) + "\n", "utf-8")
    rows_found = [row for chip in found.values() for row in chip.values()]
    return int(any(row["spills"] or row["float atomics"] for row in rows_found))


if __name__ == "__main__":
    sys.exit(main())
