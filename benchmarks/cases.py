"""The cases of the suite, counted: what the covering array covers at each size, as docs/cases.md shows it.

python benchmarks/cases.py [--write docs/cases.md]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from peerspec.backends.protocol import COMPARISONS
from peerspec.conformance.cases import COMPARISON_CASES, SELECTION_CASES
from peerspec.conformance.cases.covering.factors import FACTORS
from peerspec.conformance.cases.covering.rows import stored_rows
from peerspec.conformance.cases.covering.table import GROUPS, Coverage, covered
from peerspec.conformance.cases.regimes import ALIGNMENT, EDGES
from peerspec.reference import PRECISIONS

TEXT = """# What the cases cover

Written by `python benchmarks/cases.py --write docs/cases.md`.

Optimised code often fails at one size, at one alignment, or for one pair of options only. The suite therefore has two
kinds of cases. Some are made by hand, each for one question. The others are the rows of a *covering array*: layers in
which every pair of levels of the factors below occurs, both in `forward` and in gradients. The rows are data
([rows.json](../conformance/cases/covering/rows.json)); a program makes them, and a test fails if one of these pairs
is lost.

## Factors

| factor | levels |
|---|---|
{factors}

A size has intervals, because kernels change at powers of two: {edges}. A size is aligned if it is a multiple of
{alignment}. A token that does not count holds a NaN under mask `nan`. The kinds of entries: `full` uses all bits of
the dtype, `exact` rounds nowhere, `sharp` has gates below 10⁻³, `zeros` has tokens and rows of zeros, in `sunken` all
scores are below any finite number that stands for minus infinity, and in `near` the half scores of a token are nearly
equal, in another binade for each token. In memory, `columns` and `gaps` are orders of x, dy and the mask, `tables` of
the parameters, and `all` of both. If a backend does not claim an option, its rows lack that option, and every other
pair still occurs.

## Pairs and triples

| what occurs together | default, `forward` | default, gradients | full, `forward` | full, gradients |
|---|---|---|---|---|
{coverage}

The default size has {default} rows, and the full size {full}. The default size takes all sizes above 1024 as one
level in pairs; each of their intervals occurs in it alone. Two sizes together are not designed: that would take
thousands of rows. Levels that exclude each other, such as one token with a mask, are not counted.

## Precisions

The first precision that a backend claims has all rows. At the default size every other one has the rows below, in
which every level of every factor occurs; at the full size it has all rows of the default size.

| precision | rows at the default size |
|---|---|
{precisions}

## Selection

The profile `select` has {selections} cases, which cost little: every k from 1 to 64, with k ≤ n and with k > n; n on
both sides of {n_edges}; N beyond 2²⁴, 2³¹ and 2³², so that ids need 64 bits; up to 65,537 rows; up to four leading
axes; half scores that are nearly equal in every part of the range of exponents, equal, rising, falling, subnormal, or
far below zero.

## Layers of chapter 15

{comparisons}.
They have every activation, both forms of an expert and both gates; no capacity, one of a single token, and more than
there are tokens; k = 1, k = E and E = 1; every option of a product-key memory; ties, tokens that do not count or hold
a NaN or an infinity, logits of some hundreds, no token, a vector, and four leading axes; and widths on an edge of tiles
and beside it.

## What no case has

- Layers with more than 1024 sub-keys in each half at the default size: their tables would need gigabytes. `select`
  covers such n.
- More than two options at a certain size, but for norm, mode and mask; and two sizes together.
- Layers larger than the memory of the machine.
"""


def _cell(found: Coverage | None) -> str:
    return f"{found.covered:,} of {found.possible:,}" if found else "–"


def page() -> str:
    """The page."""
    rows = stored_rows()
    default = [row for row in rows if row.size == 1]
    columns = [covered(size, gradients=gradients) for size in (1, 2) for gradients in (False, True)]
    coverage = [
        f"| {name} | "
        + " | ".join(f"{c[name].covered:,} of {c[name].possible:,}" if name in c else "–" for c in columns)
        + " |"
        for name in GROUPS
    ]
    precisions = [f"| `{name}` | {sum(name in row.precisions for row in default)} |" for name in PRECISIONS]
    factors = [f"| {name} | {', '.join(found)} |" for name, found in FACTORS.items()]
    return TEXT.format(
        factors="\n".join(factors),
        edges=", ".join(f"{edge:,}" for edge in EDGES),
        alignment=ALIGNMENT,
        coverage="\n".join(coverage),
        default=len(default),
        full=len(rows),
        precisions="\n".join(precisions),
        selections=sum(case.size <= 1 for case in SELECTION_CASES),
        comparisons=", ".join(
            f"{sum(case.layer_config.kind == kind for case in COMPARISON_CASES)} cases of `{kind}`"
            for kind in COMPARISONS
        ),
        n_edges=", ".join(f"{edge:,}" for edge in EDGES[1:-1]),
    )


def main() -> None:
    """Print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.write:
        options.write.write_text(page(), "utf-8")
    else:
        print(page())


if __name__ == "__main__":
    main()
