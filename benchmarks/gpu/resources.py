"""What the kernels take of a chip, from their machine code; no GPU is needed.

    python benchmarks/gpu/resources.py              compare with the figures noted in benchmarks/results/gpu
    python benchmarks/gpu/resources.py --write      note them

For each kernel in the sizes of a large layer, for three chips: registers, bytes on the stack and of shared memory,
spilled words, widths of loads from memory in bytes, and bytes of the image. The exit status is 1 if a kernel spills,
has an atomic addition of floats, reads rows by less than 16 bytes, or takes more registers than are noted for this
version of Triton, or if nothing is noted for it.
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

from peerspec.backends.gpu import launches, rows
from peerspec.backends.gpu.compiled import Compiled, compiled
from peerspec.backends.gpu.launches import Launch, Optimiser, Stage

CHIPS = (80, 90, 100)
TYPES = {"bfloat16": "*bf16", "float32": "*fp32"}
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
PAIRS, TOKENS = 128, 8192
NOTED = Path(__file__).parents[1] / "results" / "gpu" / "resources.json"
ROWS = re.compile(r"expert stage|its gradients|scatter sum")
"""The kernels that read rows of tables or of tokens."""


class Variant(NamedTuple):
    """A launch in one size, and the types of its arrays that are not float32."""

    name: str
    launch: Launch
    arrays: dict[str, str]


def variants() -> Iterator[Variant]:
    """All kernels, in the sizes and with the launches of large layers."""
    for n, k in ((128, 16), (1024, 16), (1024, 64), (4096, 64)):
        arrays = {"ids": "*i64"}
        yield Variant(f"select n={n} k={k}", launches.select(n, k, TOKENS * 8, 1), arrays)
    for dtype, table in TYPES.items():
        for width in (256, 768, 1000, 1024, 8192):
            for glu in (False, True):
                stage = Stage(TOKENS, PAIRS, width, width, glu, "gelu")
                name, arrays = f"{dtype} D={width}{' GLU' * glu}", {"ids": "*i64", **dict.fromkeys("uvw", table)}
                yield Variant(f"expert stage {name}", stage.forward(), arrays)
                yield Variant(f"its gradients {name}", stage.backward(needs_dx=True), arrays)
            yield from sums(dtype, table, width)
    ids = {"ids": "*i32", "marks": "*i32"}
    yield Variant("mark rows", launches.mark_rows(TOKENS * PAIRS), ids)
    places = {"places": "*i32", "rows": "*i64", "starts": "*i64"}
    yield Variant("write rows", launches.write_rows(TOKENS * PAIRS), ids | places)
    arrays = {"ids": "*i64", "keys": "*bf16"}
    yield Variant("query gradient", launches.query_gradient(TOKENS, 8, 1, 1024, 16, 64), arrays)
    arrays = {"ids": "*i64", "rows": "*i32"}
    yield Variant("sub-keys", launches.sub_keys(TOKENS * PAIRS, 8, 1, 1024, 16), arrays)
    yield Variant("sum parts", launches.sum_parts(4, TOKENS * 1024), {})
    yield Variant("split", launches.split(TOKENS * 1024, 64), {"parts": "*bf16"})


def sums(dtype: str, table: str, width: int) -> Iterator[Variant]:
    arrays = {"order": "*i64", "places": "*i32", "rows": "*i64", "starts": "*i64", "table": table}
    for name in ("COMPACT", "DENSE", "SGD", "ADAGRAD", "ADAM"):
        target, optimiser = getattr(rows, name), Optimiser()
        words = f"{name.lower()} {dtype} D={width}"
        sizes = target, width, TOKENS * PAIRS
        yield Variant(f"scatter sum {words}", launches.scatter_sum(*sizes, PAIRS, optimiser), arrays)
        yield Variant(f"crossing rows {words}", launches.finish_crossing_rows(*sizes, optimiser), arrays)


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


def noted(path: Path) -> dict[str, Any]:
    """Rows by version of Triton, chip and kernel."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def faults(name: str, row: dict[str, Any], before: dict[str, Any] | None) -> Iterator[str]:
    """What is wrong with a kernel, and what has grown; ``before`` None: nothing is noted."""
    for what in ("spills", "stack", "float atomics"):
        if row[what]:
            yield f"{what}: {row[what]}"
    if ROWS.match(name) and "16" not in row["loads"]:
        yield f"no load of 16 bytes: {row['loads']}"
    if before is None:
        yield "nothing is noted for this kernel, chip and version of Triton; note it with --write"
    elif row["registers"] > before["registers"]:
        yield f"registers: {row['registers']}, noted are {before['registers']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chips", type=int, nargs="*", default=CHIPS)
    parser.add_argument("--only", default="", help="kernels whose name contains this")
    parser.add_argument("--write", action="store_true", help=f"note the figures in {NOTED.name}, and do not compare")
    options = parser.parse_args()
    book, bad = noted(NOTED), 0
    for chip in options.chips:
        own = book.setdefault(triton.__version__, {}).setdefault(str(chip), {})
        for name, launch, arrays in variants():
            if options.only in name:
                row = resources(compiled(launch, arrays, capability=chip))
                found = list(faults(name, row, row if options.write else own.get(name)))
                own[name], bad = row, bad + bool(found)
                words = ", ".join(found) or ", ".join(f"{key} {value}" for key, value in row.items())
                print(f"sm_{chip} {name}: {words}", flush=True)
    if options.write:
        NOTED.parent.mkdir(parents=True, exist_ok=True)
        NOTED.write_text(json.dumps(book, indent=1) + "\n", "utf-8")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
