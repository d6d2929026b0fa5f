"""What a backend does with arrays after a call, and which clause a failure is blamed on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from peerspec.backends import reference
from peerspec.conformance import Report, check_backend
from peerspec.conformance.hosts.arguments import InPlace
from peerspec.conformance.hosts.call import Caller
from peerspec.conformance.hosts.memory import MORE_CALLS
from peerspec.reference import Layer, Output, PeerConfig

LAYER = Layer.random(PeerConfig(3, 2, 4, 2, 4, activation="relu"))
X = np.ones((2, 3), np.float32)


def backend(forward: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(name="mine", profiles=["float32"], forward=forward)


def into(buffers: list[np.ndarray]) -> Callable[..., Output]:
    """A backend whose y lies in these buffers in turn."""
    calls = count()

    def forward(layer: Layer, x: Any, **options: Any) -> Output:
        number = next(calls)
        y = buffers[number % len(buffers)]
        y[...] = number
        return Output(y)

    return forward


@pytest.mark.parametrize("turns", [1, 2, 3, 16])
def test_a_buffer_that_is_used_again_is_noticed_in_the_call_that_writes_to_it(turns: int) -> None:
    caller = Caller(backend(into([np.zeros((2, 3), np.float32) for _ in range(turns)])))
    answers = [caller.call("forward", {"layer": LAYER, "x": X}) for _ in range(2 * turns)]
    assert [bool(answer.changed) for answer in answers[:turns]] == [False] * turns
    assert any(answer.changed for answer in answers[turns:])
    values = [float(answer.value.y[0, 0]) for answer in answers]
    assert values == sorted(set(values)), "an answer is a copy that was made when its call returned"


def test_more_buffers_than_calls_are_remembered_are_not_noticed() -> None:
    caller = Caller(backend(into([np.zeros((2, 3), np.float32) for _ in range(MORE_CALLS + 1)])))
    assert not any(caller.call("forward", {"layer": LAYER, "x": X}).changed for _ in range(2 * MORE_CALLS))


def test_a_thread_that_writes_to_an_input_after_the_call_is_noticed_in_the_next_call() -> None:
    go, threads = threading.Event(), []

    def late(x: Any) -> None:
        go.wait(10)
        x[...] = 7

    def forward(layer: Layer, x: Any, **options: Any) -> Output:
        out = reference.forward(layer, x)
        if not threads:
            threads.append(threading.Thread(target=late, args=(x,)))
            threads[0].start()
        return out

    caller = Caller(backend(forward))
    assert caller.call("forward", {"layer": LAYER, "x": X}).changed == ()
    go.set()
    threads[0].join()
    [changed] = caller.call("forward", {"layer": LAYER, "x": X}).changed
    assert (changed.method, changed.part, changed.given) == ("forward", "x", True)


def test_a_call_in_place_has_the_same_objects_and_blames_nobody_for_their_new_values() -> None:
    seen: list[Any] = []

    def forward(layer: Layer, x: Any, **options: Any) -> Output:
        seen.append((layer, x))
        return Output(x[:, :3])  # a view of the input

    caller = Caller(backend(forward))
    for value in (1, 2, 3):
        answer = caller.call("forward", InPlace(layer=LAYER, x=value * X))
        assert answer.changed == ()
        assert answer.value.y.tolist() == (value * X).tolist()
    assert len({id(layer) for layer, _ in seen}) == len({id(x) for _, x in seen}) == 1
    caller.call("forward", {"layer": LAYER, "x": X})
    assert seen[-1][1] is not seen[0][1]


def judged(forward: Callable[..., Any], **options: Any) -> Report:
    return check_backend(backend(forward), timeout=inf, stop_early=True, **options)


def test_an_answer_that_changes_from_call_to_call_is_ind_3_in_whatever_check_it_fails() -> None:
    calls = count()

    def forward(layer: Layer, x: Any, **options: Any) -> Output:
        out = reference.forward(layer, x, **options)
        return Output(out.y * np.float32(1 + next(calls) % 2), out.scores, out.indices, out.gates)

    report = judged(forward, size="minimal", only=["output"])
    assert report.first is not None
    assert (report.first.clauses[0], report.first.stage) == ("IND-3", "independence")


@pytest.mark.parametrize(("change", "clause"), [(1.0, "SHP-2"), (0.0, "")])
def test_a_core_check_that_fails_only_with_a_mask_blames_the_mask(change: float, clause: str) -> None:
    def forward(layer: Layer, x: Any, *, mask: Any = None, **options: Any) -> Output:
        out = reference.forward(layer, x, mask=mask, **options)
        y = out.y + np.float32(change) if mask is not None and not mask.all() else out.y
        return Output(y, out.scores, out.indices, out.gates)

    from peerspec.conformance.cases import LAYER_CASES
    from peerspec.conformance.checks.output import OUTPUT_CHECKS
    from peerspec.conformance.hosts.host import open_host
    from peerspec.conformance.repro.attempt import attempt
    from peerspec.reference import PRECISIONS

    case = next(case for case in LAYER_CASES if case.name == "shape.masked").make(PRECISIONS["float32"], 0)
    check = next(check for check in OUTPUT_CHECKS if check.id == "output.sum")
    found = attempt(check, case, open_host(backend(forward), timeout=inf))
    assert found.clause == clause


def rounded(a: Any) -> Any:
    """To the 8 bits of bfloat16."""
    mantissa, exponent = np.frexp(a)
    return np.ldexp(np.rint(np.ldexp(mantissa, 8)), exponent - 8).astype(a.dtype)


@pytest.mark.parametrize("name", ["x", "experts.u", "experts.v", "keys", "query.weight"])
def test_a_gradient_that_is_rounded_to_bfloat16_is_blamed_on_precision(name: str) -> None:
    def gradients(*arguments: Any, **options: Any) -> Any:
        found = reference.gradients(*arguments, **options)
        return found | {name: rounded(found[name])}

    mine = SimpleNamespace(
        name="mine", profiles=["float32", "training"], forward=reference.forward, gradients=gradients
    )
    report = check_backend(mine, size="minimal", only=["gradients"], timeout=inf, stop_early=True)
    assert report.first is not None
    assert (report.first.clauses[0], report.first.stage) == ("PRC-2", "gradient")


def test_scores_of_exact_data_that_are_rounded_to_bfloat16_are_blamed_on_precision() -> None:
    def forward(*arguments: Any, **options: Any) -> Output:
        out = reference.forward(*arguments, **options)
        return Output(out.y, rounded(out.scores), out.indices, out.gates)

    report = judged(forward, size="minimal", only=["scores.values", "scores.rounding"])
    assert report.first is not None
    assert report.first.clauses[0] == "PRC-2"
