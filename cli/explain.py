"""``peerspec explain``: the text of a clause or a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from peerspec.conformance.check import Check
    from peerspec.conformance.clauses import Clause

__all__ = ["explain"]


def explain(
    id: Annotated[str, typer.Argument(metavar="ID", help="A clause such as SEL-3, or a check such as scores.values.")],
) -> int:
    """Show a clause with its checks, or a check with its clauses and cases."""
    from rich.console import Console

    from peerspec.conformance.clauses import clauses
    from peerspec.conformance.suite import CHECKS
    from peerspec.reference import PeerError

    console = Console(highlight=False)
    checks = {check.id: check for check in CHECKS}
    if id.upper() in clauses():
        _clause(clauses()[id.upper()], console)
    elif id.split("[")[0] in checks:
        _check(checks[id.split("[")[0]], console)
    else:
        raise PeerError(f"{id!r} is neither a clause nor a check; see `peerspec list` and `peerspec list --clauses`")
    return 0


def _clause(clause: Clause, console: Console) -> None:
    from rich.text import Text

    from peerspec.conformance.suite import CHECKS

    console.print(Text.assemble((clause.id, "bold"), f"  chapter {clause.chapter}\n"))
    console.print(Text(clause.text))
    if clause.why:
        console.print(Text.assemble("\n", ("Why. ", "italic"), clause.why))
    deciding = [check for check in CHECKS if clause.id in check.clauses]
    if not deciding:
        console.print(Text("\nNo check of the suite decides this clause.", "dim"))
        return
    console.print(Text("\nDecided by", "bold"))
    for check in deciding:
        console.print(Text(f"  {check.id:<24} {check.summary}"))


def _check(check: Check, console: Console) -> None:
    from rich.text import Text

    from peerspec.conformance.cases import EXPLORATIONS, LAYER_CASES, SELECTION_CASES
    from peerspec.conformance.clauses import clauses
    from peerspec.conformance.kinds import TrialKind
    from peerspec.conformance.plan import SIZES

    console.print(Text.assemble((check.id, "bold"), f"  stage {check.stage}, profile {check.profile}\n"))
    console.print(Text(check.summary))
    for id in check.clauses:
        console.print(Text.assemble("\n", (id, "bold"), f"  {clauses()[id].text}"))
    console.print(Text("\nCases", "bold"))
    tagged: list[Any] = [*LAYER_CASES, *EXPLORATIONS]
    selections = SELECTION_CASES if check.trial is TrialKind.SELECTION else ()
    cases: list[Any] = [*selections, *(case for case in tagged if check.tag in case.tags)]
    for size, label in enumerate(SIZES):
        if names := [case.name for case in cases if case.size == size]:
            console.print(Text(f"  {label:<8} {', '.join(names)}"))
