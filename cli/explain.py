"""``peerspec explain``: the text of a clause or a check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from peerspec.conformance.check import Check
    from peerspec.conformance.clauses import Clause

__all__ = ["explain"]


def explain(
    id: Annotated[
        str, typer.Argument(metavar="ID", help="A clause such as SEL-3, a check such as scores.values, or any words.")
    ],
) -> int:
    """Show a clause with its checks, or a check with its clauses and cases; or list those that hold the words."""
    from rich.text import Text

    from peerspec.cli.columns import show_rows
    from peerspec.cli.console import SafeConsole
    from peerspec.conformance.clauses import all_clauses
    from peerspec.conformance.suite import CHECKS
    from peerspec.reference import PeerError

    console = SafeConsole()
    checks = {check.id: check for check in CHECKS}
    if id.upper() in all_clauses():
        _clause(all_clauses()[id.upper()], console)
    elif id.split("[")[0] in checks:
        _check(checks[id.split("[")[0]], console)
    elif found := list(_search(id.lower())):
        show_rows(((Text(name, "bold"), Text(summary)) for name, summary in found), console)
    else:
        raise PeerError(f"no clause and no check holds {id!r}; see `peerspec list` and `peerspec list --clauses`")
    return 0


def _search(words: str) -> Iterator[tuple[str, str]]:
    """The clauses and checks that hold these words in their name or text, with a summary each."""
    from peerspec.conformance.clauses import clauses
    from peerspec.conformance.suite import CHECKS

    for clause in clauses().values():
        if words in f"{clause.id} {clause.chapter} {clause.text} {clause.why}".lower():
            yield clause.id, clause.summary
    for check in CHECKS:
        if words in f"{check.id} {check.stage} {check.profile} {check.summary}".lower():
            yield check.id, check.summary


def _clause(clause: Clause, console: Console) -> None:
    from rich.text import Text

    from peerspec.cli.markdown import show_markdown
    from peerspec.conformance.render.clause_link import clause_link

    console.print(Text.assemble(clause_link(clause.id, "bold"), f"  {clause.document}, {clause.chapter}"))
    console.print(Text(f"{_force(clause)}\n", "dim"))
    show_markdown(clause.text, console)
    for part in (*clause.notes, *((f"*{clause.why_label}.* {clause.why}",) if clause.why else ())):
        console.print()
        show_markdown(part, console)
    if not clause.superseded_by:
        _judges(clause, console)


def _force(clause: Clause) -> str:
    """What the clause binds, or which clause replaced it."""
    if clause.superseded_by:
        return f"no longer in force: {clause.superseded_by} replaced it"
    plural = "s" if len(clause.profiles) > 1 else ""
    profiles = f" (profile{plural} {', '.join(clause.profiles)})" if clause.profiles else ""
    return f"binds {', '.join(clause.classes)}{profiles}" if clause.classes else "binds nothing by itself"


def _judges(clause: Clause, console: Console) -> None:
    """The checks that decide the clause, the tests of this project that show it, or why nothing does."""
    from rich.text import Text

    from peerspec.cli.columns import show_rows
    from peerspec.conformance.suite import CHECKS

    deciding = [check for check in CHECKS if clause.id in check.clauses]
    if deciding:
        console.print(Text("\nDecided by", "bold"))
        show_rows(((Text(check.id), Text(check.summary)) for check in deciding), console, indent=2)
    if tests := [name for name in clause.judged_by if name.startswith("tests/")]:
        console.print(Text("\nTested by", "bold"), Text(", ".join(tests)), soft_wrap=True)
    if not deciding and not tests:
        reason = " ".join(clause.judged_by) or "no check decides this clause"
        console.print(Text(f"\n{reason[0].upper()}{reason[1:]}", "dim"), soft_wrap=True)


def _check(check: Check, console: Console) -> None:
    from rich.text import Text

    from peerspec.conformance.cases import COMPARISON_CASES, EXPLORATIONS, LAYER_CASES, SELECTION_CASES
    from peerspec.conformance.clauses import clauses
    from peerspec.conformance.kinds import TrialKind
    from peerspec.conformance.plan import SIZES
    from peerspec.conformance.render.clause_link import clause_link

    console.print(Text.assemble((check.id, "bold"), f"  stage {check.stage}, profile {check.profile}\n"))
    console.print(Text(check.summary))
    for id in check.clauses:
        console.print(Text.assemble("\n", clause_link(id, "bold"), f"  {clauses()[id].summary}"))
    console.print(Text("\nCases", "bold"))
    if check.trial is TrialKind.DESIGNED:
        _rows(check, console)
        return
    tagged: list[Any] = [*LAYER_CASES, *EXPLORATIONS, *COMPARISON_CASES]
    selections = SELECTION_CASES if check.trial is TrialKind.SELECTION else ()
    cases: list[Any] = [*selections, *(case for case in tagged if check.tag in case.tags)]
    for size, label in enumerate(SIZES):
        if names := [case.name for case in cases if case.size == size]:
            console.print(Text(f"  {label:<8} {', '.join(names)}"))


def _rows(check: Check, console: Console) -> None:
    """The number of rows of the covering array at each size."""
    from rich.text import Text

    from peerspec.conformance.cases import covering_cases
    from peerspec.conformance.plan import PROFILES, SIZES

    rows = covering_cases(PROFILES, gradients=check.profile == "training")
    for size, label in enumerate(SIZES):
        if count := sum(row.size <= size for row in rows):
            console.print(Text(f"  {label:<8} {count} rows of the covering array (docs/cases.md)"))
