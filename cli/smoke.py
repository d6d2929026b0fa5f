"""``peerspec smoke``: whether a backend can be imported and called. No clause is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peerspec.cli.options import BACKEND_HELP, Timeout
from peerspec.files.shown import printable, visible

if TYPE_CHECKING:
    from peerspec.conformance.hosts.host import Host
    from peerspec.reference import Precision

__all__ = ["smoke"]

Step = tuple[str, str]
"""A step, and its problem; empty if it works."""


def smoke(
    backend: Annotated[str, typer.Argument(metavar="BACKEND", help=BACKEND_HELP)],
    timeout: Timeout = 60.0,
) -> int:
    """Import a backend and call it on a tiny layer. Exit status: 0 it works, 2 it does not."""
    from rich.text import Text

    from peerspec.cli.console import SafeConsole
    from peerspec.conformance.kinds import Status
    from peerspec.conformance.render.marks import mark
    from peerspec.files.shell import command_line

    console, broken = SafeConsole(), False
    for step, problem in _steps(backend, timeout):
        broken |= bool(problem)
        sign = mark(Status.ERROR if problem else Status.PASS, console)
        console.print(sign + Text(f" {printable(step)}{': ' if problem else ''}{visible(problem)}", ""))
    again = command_line("peerspec", "check", backend)
    advice = "repair the failed steps above" if broken else f"the backend works; judge it: {again}"
    console.print(Text(advice), soft_wrap=True)
    return 2 if broken else 0


def _steps(name: str, timeout: float) -> Iterator[Step]:
    from peerspec.backends import BackendError
    from peerspec.conformance.hosts.host import open_host
    from peerspec.conformance.plan import Plan

    try:
        host = open_host(name, timeout=timeout)
    except BackendError as error:
        yield "import and contract", " ".join(str(error).split())
        return
    try:
        yield f"import and contract of {host.name}", ""
        try:
            plan = Plan.make(host.profiles, size="minimal")
        except BackendError as error:
            yield "profiles", str(error)
            return
        yield f"claims {', '.join(sorted(host.profiles)) or 'nothing'}", "" if plan.precisions else "no precision"
        for precision in plan.precisions:
            yield from _calls(host, precision)
    finally:
        host.close()


def _calls(host: Host, precision: str) -> Iterator[Step]:
    from peerspec.conformance.hosts.fault import Fault

    for method, arguments in _arguments(host, precision).items():
        try:
            value = host.call(method, arguments).value
        except Fault as fault:
            yield f"{method} in {precision}", str(fault)
        else:
            yield _describe(method, precision, arguments, value)


def _arguments(host: Host, precision: str) -> dict[str, dict[str, Any]]:
    """The arguments of each method to call: forward, and the methods of the profiles that the backend claims."""
    import numpy as np

    from peerspec.reference import PRECISIONS, Adapter, AdapterConfig, Base, Layer, PeerConfig

    dtypes = PRECISIONS[precision]
    layer = Layer.random(PeerConfig(3, 2, 4, 2, 4, activation="relu"), dtype=dtypes.parameters)
    x, half = np.ones((5, 3), dtypes.input), np.array([[2.0, 1.0]], dtypes.compute)
    calls: dict[str, dict[str, Any]] = {"forward": {"layer": layer, "x": x}}
    if "select" in host.profiles:
        calls["select"] = {"scores1": half, "scores2": half, "k": 2}
    if "training" in host.profiles:
        calls["gradients"] = {"layer": layer, "x": x, "dy": x}
    if "growth" in host.profiles:
        calls["grow"] = {"layer": layer, "num_experts": 9, "seed": 0}
    if "trainable" in host.profiles:
        masks = {"experts": (1, 4), "keys": (1, 1, 2, 2), "query": (1,), "query_norm": (1,), "statistics": (1,)}
        parts = {name: np.ones(shape, bool) for name, shape in masks.items()}
        calls["train"] = {"layer": layer, "x": x[None], "dy": x[None], **parts}
    calls |= _comparisons(host, dtypes, x)
    if "adapter" in host.profiles:
        adapter = Adapter.random(AdapterConfig(3, 2, 4, 2, 4, targets={"map": 3}), dtype=dtypes.parameters)
        given = {"adapter": adapter, "bases": {"map": Base(np.eye(3, dtype=dtypes.input))}, "x": x}
        calls["adapt"] = given
        if "training" in host.profiles:
            calls["adapter_gradients"] = given | {"dy": {"map": x}}
    return calls


def _comparisons(host: Host, dtypes: Precision, x: Any) -> dict[str, dict[str, Any]]:
    """The arguments of both methods of chapter 15, for the first of its profiles that the backend claims."""
    from peerspec.backends.protocol import COMPARISONS
    from peerspec.reference import comparison

    small: dict[str, comparison.ComparisonConfig] = {
        "dense": comparison.DenseConfig(3, 2),
        "token-choice": comparison.TokenChoiceConfig(3, 2, 1, 2),
        "expert-choice": comparison.ExpertChoiceConfig(3, 2, 2, 1.0),
        "pkm": comparison.PKMConfig(3, 2, 4, 2, 4),
    }
    for kind in COMPARISONS:
        if kind in host.profiles:
            layer = comparison.ComparisonLayer.random(small[kind], dtype=dtypes.parameters)
            return {"comparison": {"layer": layer, "x": x}, "comparison_gradients": {"layer": layer, "x": x, "dy": x}}
    return {}


def _describe(method: str, precision: str, arguments: dict[str, Any], value: Any) -> Step:
    from peerspec.conformance.cases.case import Case
    from peerspec.conformance.sentences import sentence
    from peerspec.conformance.trials.structure import violations

    if method != "forward":
        return f"{method} in {precision}", ""
    faults = violations(Case("smoke", False, arguments["layer"], arguments["x"]), value)
    routing = "shown" if value.indices is not None else "not shown"
    return f"forward in {precision}, routing {routing}", "; ".join(sentence(fault.problem) for fault in faults)
