"""The figures of a run as a page in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from book import Book, Row

__all__ = ["markdown"]

ERRORS = {"float32": 1e-5, "bfloat16": 2e-2, "float16": 2e-3}
"""Relative errors ‖got − right‖/‖right‖ above which a row of the correctness table is marked: a few roundings."""
LARGEST = {"T": 8192, "D": 1024, "dtype": "bfloat16"}


def markdown(book: Book) -> str:
    """The page; a part without figures is left out."""
    about = book.about
    lines = [
        "# Measurements on a GPU",
        "",
        f"Written by `python -m benchmarks.gpu`. {about.get('device', '')}, {about.get('date', '')}; "
        + ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items())
        + ". Times are medians of device events, with the variants of a point in turns. A floor is the bytes that must "
        "move, over the bandwidth of a copy in the same run, or the operations of products over the rate of one. The "
        "layer has 8 heads, k = 16 and d = 128. "
        f"torch computed by {about.get('torch', '')}; peerspec was found {about.get('peerspec', '')}.",
    ]
    for title, part in PARTS.items():
        rows = [row for row in book.rows if row["part"] == part]
        shown = [row for row in rows if not row.get("failed")]
        if rows:
            lines += ["", f"## {title}", "", *TABLES[part](shown)]
            lines += [f"\n{row['point']} failed: {row['failed']}" for row in rows if row.get("failed")]
    goals = list(table(("goal", "wanted", "measured"), goal_rows(book)))
    return "\n".join([*lines, "", "## Goals", "", *goals, ""])


def table(head: Sequence[str], rows: Iterator[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)


def ceilings(rows: list[Row]) -> Iterator[str]:
    return table(
        ("what", "ms", "GB/s", "TFLOP/s"), ([r["what"], r["ms"], r.get("GB/s"), r.get("TFLOP/s")] for r in rows)
    )


def correctness(rows: list[Row]) -> Iterator[str]:
    head = ("what", "largest error", "in", "other ids", "two runs have equal bits")
    return table(head, ([r["what"], _marked(r), r.get("in"), r.get("other ids"), r.get("equal bits")] for r in rows))


def _marked(row: Row) -> str:
    most = next((most for name, most in ERRORS.items() if name in row["what"]), 1e-5)
    most = 0.0 if row["what"].startswith("select") else most
    if "error" not in row:
        return "**none**"
    return f"{row['error']:.1e}" if row["error"] <= most else f"**{row['error']:.1e}**"


def suite(rows: list[Row]) -> Iterator[str]:
    return table(
        ("backend", "verdict", "seconds"),
        (
            [r["what"], " ".join(r["verdict"]) + "".join(f"; {name}" for name in r.get("failed", ())), r["seconds"]]
            for r in rows
        ),
    )


def stages(rows: list[Row]) -> Iterator[str]:
    head = ("stage", "T", "D", "dtype", "ms", "floor, ms", "share of floor")
    return table(head, ([r["what"], r["T"], r["D"], r["dtype"], r["ms"], r.get("floor"), _share(r)] for r in rows))


def _share(row: Row) -> str:
    share = row.get("share of floor")
    return "" if share is None else f"{share:.0%}"


def variants(rows: list[Row]) -> Iterator[str]:
    head = ("what", "T", "D", "dtype", "N", "variant", "ms", "times ours", "MB")
    keys = ("what", "T", "D", "dtype", "N", "variant", "ms", "times ours", "MB")
    return table(head, ([r.get(key) for key in keys] for r in rows))


def training(rows: list[Row]) -> Iterator[str]:
    keys = ("variant", "T", "D", "N", "steps", "tokens/s", "first loss", "last loss")
    return table(keys, ([r.get(key) for key in keys] for r in rows))


PARTS = {
    "Ceilings": "ceilings",
    "Correctness": "correctness",
    "The conformance suite": "suite",
    "Kernels beside their floors": "stages",
    "The layer beside its rivals": "passes",
    "Training steps": "steps",
    "More experts": "scaling",
    "A language model": "training",
}
TABLES: dict[str, Callable[[list[Row]], Iterator[str]]] = {
    "ceilings": ceilings,
    "correctness": correctness,
    "suite": suite,
    "stages": stages,
    "passes": variants,
    "steps": variants,
    "scaling": variants,
    "training": training,
}


def goal_rows(book: Book) -> Iterator[Sequence[object]]:
    """What the layer is to reach on one H100 or H200, and what it reached."""
    for name, least in (("expert stage", 0.87), ("its gradients", 0.83)):
        row = book.find("stages", what=name, **LARGEST)
        yield f"{name}, T = 8192, D = 1024, bfloat16", f"≥ {least:.0%} of the floor", row and _share(row)
    row = book.find("stages", what="selection", **LARGEST)
    yield "selection, T = 8192, n = 1024", "≤ 0.3 ms", row and row["ms"]
    whole = book.find("passes", what="forward", variant="peerspec", **LARGEST)
    both = book.find("passes", what="forward and backward", variant="peerspec", **LARGEST)
    yield "layer, forward", "≤ 2.2 ms", whole and whole["ms"]
    yield "layer, backward", "≤ 3.5 ms", both and whole and both["ms"] - whole["ms"]
    row = book.find("passes", what="forward", variant="peerspec, CUDA graph", **(LARGEST | {"T": 1}))
    yield "one token in a CUDA graph", "≤ 0.02 ms", row and row["ms"]
    row = book.find("steps", what="step, SGD", variant="Algorithm 1, sparse embeddings", **LARGEST)
    yield "step by SGD, beside sparse embeddings", "≥ 10 times", row and row["times ours"]
    row = book.find("passes", what="memory at the peak, forward", **LARGEST)
    yield "memory at the peak, forward", "< 100 MB", row and row["MB"]
    ends = [book.find("scaling", N=experts) for experts in (2**12, 2**22)]
    yield "time of 2²² experts over that of 2¹²", "≤ 2.5", ends[1]["ms"] / ends[0]["ms"] if all(ends) else None
