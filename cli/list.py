"""``peerspec list``: checks, clauses, backends and cases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

__all__ = ["list_"]

Rows = Iterator[tuple[str, ...]]


def list_(
    clauses: Annotated[bool, typer.Option("--clauses", help="List the clauses of SPEC.md.")] = False,
    backends: Annotated[bool, typer.Option("--backends", help="List the installed backends.")] = False,
    cases: Annotated[bool, typer.Option("--cases", help="List the cases of the suite.")] = False,
) -> int:
    """List the checks, or clauses, backends or cases."""
    from rich.text import Text

    from peerspec.cli.columns import show_rows
    from peerspec.cli.console import SafeConsole
    from peerspec.reference import PeerError

    if clauses + backends + cases > 1:
        raise PeerError("--clauses, --backends and --cases exclude each other; pass one of them")
    rows = _clauses() if clauses else _backends() if backends else _cases() if cases else _checks()
    show_rows(((Text(name, "bold"), *map(Text, rest)) for name, *rest in rows), SafeConsole())
    return 0


def _checks() -> Rows:
    from peerspec.conformance.suite import CHECKS

    for check in CHECKS:
        yield check.id, check.profile, f"{check.summary} ({', '.join(check.clauses)})"


def _clauses() -> Rows:
    from peerspec.conformance.clauses import all_clauses, clauses

    for clause in clauses().values():
        yield clause.id, clause.summary
    yield from (("", ""), ("", "Superseded, and no longer in force:"))
    for clause in all_clauses().values():
        if clause.superseded_by:
            yield clause.id, f"by {clause.superseded_by}"


def _backends() -> Rows:
    from importlib.metadata import entry_points

    from peerspec.backends.registry import GROUP

    for point in sorted(entry_points(group=GROUP)):
        own = point.value.startswith("peerspec.")  # to list the backends of others must not execute them
        yield point.name, point.value, _computed_by(point.name) if own else ""


def _computed_by(name: str) -> str:
    """What a backend of this package computes with; it is imported for that."""
    from peerspec.backends import BackendError, load

    try:
        told = getattr(load(name), "computed_by", None)
        return "" if told is None else str(told())
    except BackendError as error:
        return f"does not run here: {error}"


def _cases() -> Rows:
    from peerspec.conformance.cases import COMPARISON_CASES, LAYER_CASES, SELECTION_CASES
    from peerspec.conformance.plan import SIZES

    for case in LAYER_CASES:
        c = case.config
        sizes = f"D={c.d_model} M={c.d_out} h={c.heads} N={c.num_experts} k={c.top_k} d={c.d_key} {c.activation}"
        yield case.name, SIZES[case.size], sizes
    for selection in SELECTION_CASES:
        yield f"select.{selection.name}", SIZES[selection.size], f"n={selection.n} k={selection.k}"
    for compared in COMPARISON_CASES:
        yield compared.name, SIZES[compared.size], str(compared.layer_config)
