"""The page docs/tester.md: first what the suite sees and what it can miss, then the figures, then the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from peerspec.conformance.cases import LAYER_CASES, SELECTION_CASES
from peerspec.conformance.cases.layouts import LAYOUTS

__all__ = ["Figures", "page"]

Figures = dict[str, dict[str, Any]]
"""Results by the name of a backend."""

CASES = Path(__file__).parents[1] / "docs" / "cases.md"
NEAR = 0.9
CELL = str.maketrans({"|": "\\|"})
KINK = (
    "`roundings_at_their_worst` is meant to come close to 1. Any other share near 1 is a gradient at a kink of relu:\n"
    "if rounding decides the slope, both slopes are legal, and the bound reaches from one to the other (PRC-4)."
)
CHAPTERS = {
    "Parameters and form of the answer": ("PAR", "SHP", "CFG", "CNF"),
    "Queries and half scores": ("QRY", "SCO"),
    "Selection": ("SEL", "IDX"),
    "Gates": ("GAT",),
    "Experts and output": ("ACT", "EXP", "OUT"),
    "Independence, state and repetition": ("IND",),
    "Query norm": ("NRM",),
    "Gradients": ("GRD",),
    "Precision": ("PRC",),
    "NaN and infinity": ("NFT",),
    "Growth": ("GRW",),
    "Training a part": ("TRN",),
    "Adapters": ("ADP",),
    "Comparison layers: dense, token-choice, expert-choice, PKM": ("CMP", "DNS", "TCM", "XCM", "PKM"),
}


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def clause(*ids: str) -> str:
    return ", ".join(f"[{id}](../SPEC.md#{id})" for id in ids)


def sees() -> str:
    """The kinds of faults for which there are cases, each in a line."""
    by_design = "[the table of cases](cases.md)" if CASES.exists() else "the table of cases"
    rows = (
        ("a wrong formula, order, index or sign in any stage", "a check for each clause ([annex A](../SPEC.md))"),
        ("a size or an alignment: tiles, tails, vectors, padding", f"{by_design}: size regimes"),
        ("two options that do not work together", f"{by_design}: pairs of options"),
        ("a precision that fails from some size on", f"{by_design}: sizes with full significands; {clause('PRC-4')}"),
        ("the order of memory: strides, transposed tables, gaps", f"{by_design}: orders of memory; {clause('IND-2')}"),
        ("state and repetition: caches, reused buffers, races that show", clause("IND-1", "IND-2", "IND-3")),
        ("ties and near-ties, and a top-k that drops candidates", clause("SEL-1", "SEL-2", "SEL-3")),
        ("narrow formats inside: TF32, bfloat16, float16, small integers", clause("PRC-2", "PRC-3", "PRC-6")),
        ("NaN, infinity, underflow and overflow", clause("NFT-1", "NFT-2", "NFT-3", "GAT-2")),
        ("gradients: a missing path, a wrong mode, rows that are lost", clause("GRD-1", "GRD-3", "GRD-4", "GRD-8")),
        (
            "growth that loses the old layer; training that moves what is frozen",
            clause("GRW-1", "GRW-2", "TRN-2", "TRN-3"),
        ),
        ("an adapter with another router, base or target", clause("ADP-2", "ADP-3", "ADP-4", "ADP-5")),
        (
            "a comparison layer with another routing, capacity or gate",
            clause("DNS-3", "TCM-4", "TCM-5", "XCM-4", "PKM-3"),
        ),
    )
    return table(("a fault of this kind is seen", "by"), rows)


def largest() -> str:
    """The numbers of experts up to which layers and selections run."""
    layers = max(case.config.num_experts for case in LAYER_CASES)
    selections = max(case.n**2 for case in SELECTION_CASES)
    return f"layers have at most {layers:,} experts at full size, selections {selections:,}"


def misses(smallest: Mapping[str, int]) -> str:
    """The kinds of faults that can pass, each in a line."""
    finest = ", ".join(f"2⁻{str(bits).translate(RAISED)} of {stage}" for stage, bits in smallest.items())
    by_design = "[that table](cases.md)" if CASES.exists() else "that table"
    rows = (
        ("a backend that recognises the suite or its inputs", "the inputs follow from a seed, which anyone can know"),
        ("a fault that needs more memory than the machine has", largest()),
        (f"a fault at sizes or combinations outside {by_design}", "`--size deep` draws others; it cannot draw all"),
        ("a race that did not show in the repetitions asked", clause("IND-3")),
        (
            "a loss of accuracy inside the bounds",
            f"bounds grow with sizes; at best, scaling in float32 is seen from {finest} on ({clause('PRC-4')})",
        ),
        (
            "an order of memory that no case has, such as gaps between the numbers of a row",
            f"judged are {', '.join(LAYOUTS)} ({clause('IND-2')})",
        ),
        (
            "TF32 in the gradient of a projection, where the bound is as wide",
            f"sums over tokens have wide bounds; exact data shows it only where it meets it ({clause('PRC-2')})",
        ),
        (
            "a fault at two large sizes at once, such as many tokens of many heads with wide features",
            f"{by_design} pairs regimes of sizes only as far as a run of seconds allows",
        ),
        ("a fault of other hardware, drivers or builds", "a verdict holds for the machine and the build that ran"),
    )
    return table(("a fault of this kind can be missed", "because"), rows)


RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def counted(results: Mapping[str, Any] | None) -> str:
    """The figures of mutants in one line."""
    if results is None:
        return "no results yet"
    equivalent = results["survived"] - results["unexplained"]
    return (
        f"{results['made'] - equivalent}, of which {results['unexplained']} survive; {equivalent} more are equivalent"
    )


def operators(results: Mapping[str, Any] | None) -> str:
    """Mutants by operator."""
    command = "`python benchmarks/mutation`"
    if results is None:
        return f"{command} has not written its results yet."
    part = "" if results["whole"] else ", of a sample"
    first = (
        f"{results['made']} mutants{part}, made by {command} from the reference and from `tests/variants/tiled.py`; "
        f"{results['survived']} survive the {results['size']} size, {results['unexplained']} of them without an\n"
        "explanation. The others compute the same function, or what the definition leaves open: each is in\n"
        "[equivalent.json](../benchmarks/mutation/equivalent.json) with its reason."
    )
    if earlier := results["survived an earlier suite"]:
        first += f" {earlier} of them met this suite at the minimal size,\nand an earlier state of it at the default."
    rows = [
        (name, row["made"], row["killed"], row["survived"] - row["explained"], row["explained"])
        for name, row in results["operators"].items()
    ]
    return f"{first}\n\n{table(('operator', 'made', 'found', 'missed', 'equivalent, explained'), rows)}"


def kinds(wrong: Figures) -> str:
    """Wrong backends by the chapter whose clause they break first; KeyError for a clause of no chapter in the table."""
    titles = {prefix: title for title, prefixes in CHAPTERS.items() for prefix in prefixes} | {"": "not found"}
    counts = Counter(titles[row["clause"].partition("-")[0]] for row in wrong.values())
    rows = [(title, counts[title]) for title in (*CHAPTERS, "not found") if counts[title] or title == "not found"]
    return table(("wrong backends break first a clause of", "number"), rows)


def matrix(wrong: Figures) -> str:
    """The tables of checks and of wrong backends: defect, broken clause, and the check that finds it first."""
    first = Counter(row["check"] for row in wrong.values())
    checks = table(("check", "finds first"), [(f"`{check}`", n) for check, n in sorted(first.items()) if check])
    rows = [
        (f"`{name}`", row["defect"].translate(CELL), row["clause"], f"`{row['check']}`" if row["check"] else "–")
        for name, row in wrong.items()
    ]
    return f"{checks}\n\n{table(('wrong backend', 'defect', 'clause', 'found first by'), rows)}"


def alarms(right: Figures) -> str:
    """The table of correct backends: what each does in another way, and how near it comes to a bound."""
    rows = [
        (f"`{name}`", row["way"].translate(CELL), row["runs"], len(row["false"]), f"{row['share']:.2f}")
        for name, row in right.items()
    ]
    near = f"\n\n{KINK}" if any(row["share"] > NEAR for row in right.values()) else ""
    false = [f"- {name}: {message}" for name, row in right.items() for message in row["false"]]
    heads = ("correct backend", "what it does in another way", "runs", "false findings", "worst error / bound")
    note = (
        "The worst share of a bound is that of float32 and float64. Backends whose names begin with `comparison`,\n"
        "`adapted`, `growth` or `trainable` are asked the checks of these chapters: their layer is that of others here."
    )
    return "\n".join([f"{note}\n\n{table(heads, rows)}{near}", "", *false]).strip()


def through_doors(results: Mapping[str, Any] | None) -> str:
    """What the doors of the suite say of the same backend; empty without results."""
    if results is None:
        return ""
    others, last = results["doors"][:-1], results["doors"][-1]
    unseen = len(results["not seen through files"])
    return (
        f"- {results['backends']} backends, wrong and correct, through {len(results['doors'])} doors, "
        f"{results['by an earlier suite']} of them by an earlier state of the suite:\n"
        f"  {len(results['differ'])} get another verdict or another first failure through one of them.\n"
        f"  The doors are {', '.join(others)} and {last}. A program has its own memory: {unseen}\n"
        "  defects of arrays that a backend shares with its caller cannot be seen there, and do no harm there."
    )


def how_early(results: Mapping[str, Any] | None) -> str:
    """When a run of the wrong backends shows the first failure; empty without results."""
    if results is None:
        return ""
    time, found = results["share of the time"], results["mutants"] - len(results["without a failure"])
    return (
        f"- {results['found in the first tenth of the time']} of {found} wrong backends fail in the first tenth of the "
        f"time of a whole run,\n  half of them in the first {time['median']:.1%}, 99 of 100 in the first "
        f"{time['99 of 100']:.0%}, all in the first {time['all']:.0%}."
    )


def page(
    spec: str,
    command: str,
    wrong: Figures,
    right: Figures,
    others: Mapping[str, Mapping[str, Any] | None],
    smallest: Mapping[str, int],
    wide: int,
    suites: Sequence[str],
) -> str:
    """The whole page; ``wide`` seeds of the correct backends ran at the default size.

    Which suite judged the wrong and the correct backends is what ``suites`` says. ``others`` has the results of other
    sweeps by name: mutation, doors and order, each None if there are none.
    """
    runs, false = sum(row["runs"] for row in right.values()), sum(len(row["false"]) for row in right.values())
    survive = sum(not row["check"] for row in wrong.values())
    sweeps = "".join(f"\n{found}" for found in (through_doors(others["doors"]), how_early(others["order"])) if found)
    return f"""# The tester, tested

Spec {spec}; written by `{command}`. A pass is evidence and no proof: a suite sees finitely many inputs.

{sees()}

{misses(smallest)}

- Wrong backends, written by hand: {len(wrong)}, of which {survive} survive the default size, {suites[0]}.
- Wrong backends, made by operator: {counted(others["mutation"])}.
- Correct backends that compute in other ways: {len(right)}, {runs} runs, each in one precision in turn, {wide} of each
  backend at the default size and the others at the minimal, {suites[1]}: {false} false findings.{sweeps}

## Wrong by hand, by kind

{kinds(wrong)}

## Wrong by operator

{operators(others["mutation"])}

## Nothing right is accused

{alarms(right)}

## Nothing wrong passes

{matrix(wrong)}
"""
