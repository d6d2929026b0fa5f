"""Exploration: no legal backend is accused, witnesses are small, and the seed decides the cases."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from peerspec.backends import load, reference
from peerspec.conformance import Report, check_backend
from peerspec.conformance.cases import EXPLORATIONS
from peerspec.conformance.cases.entries import Data
from peerspec.conformance.cases.explorations import MOST
from peerspec.conformance.cases.recipe import HalvesRecipe, LayerRecipe, Mask, read_recipe
from peerspec.conformance.cases.regimes import interval
from peerspec.conformance.explore.applicable import applicable_checks
from peerspec.conformance.explore.explorer import Explorer
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.plan import Plan
from peerspec.conformance.problems import FaultKind
from peerspec.conformance.suite import CHECKS
from peerspec.reference import PRECISIONS, PeerConfig, PeerError

TESTS = Path(__file__).parents[1]


def explored(backend: Any, seed: int = 0, **options: Any) -> Report:
    return check_backend(backend, size="default", only=["explore"], seed=seed, **options)


@pytest.mark.parametrize(
    "variant", ["unmutated", "without_routing", "tokens_in_chunks", "norm_one_pass", "sums_in_lanes"]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_correct_variant_is_accused_of_nothing(variant, seed):
    report = explored(load(str(TESTS / "variants" / f"{variant}.py")), seed)
    assert not report.of("fail", "error"), report.verdict
    assert {finding.check for finding in report.of("pass")} >= {"explore.layer"}


@pytest.mark.parametrize(
    ("mutant", "check", "within", "clause", "stage"),
    [
        ("ties_of_two_swapped", "explore.select", "select.ids", "SEL-2", "tie"),
        ("single_feature_squeezed", "explore.layer", "structure.answer", "SHP-1", "structure"),
        ("gradient_of_single_head_squeezed", "explore.gradients", "gradients.structure", "GRD-1", "gradient"),
        ("halves_swapped", "explore.layer", "scores.rounding", "SCO-1", "score"),
        ("softmax_over_tokens", "explore.layer", "gates.softmax", "GAT-1", "gate"),
    ],
)
def test_a_failure_is_blamed_on_the_clause_and_stage_of_the_check_that_failed(mutant, check, within, clause, stage):
    report = explored(load(str(TESTS / "mutants" / f"{mutant}.py")))
    found = next(finding for finding in report.causes if finding.check == check)
    assert (found.explored.check, found.stage) == (within, stage)
    assert found.clauses[0] in (clause, "SCO-4" if clause == "SCO-1" else clause)


def test_a_witness_is_small():
    found = explored(load(str(TESTS / "mutants" / "ties_of_two_swapped.py"))).first
    assert found
    assert "half scores of shape (2, 2), [0.0, 0.0] and [0.0, 0.0]" in found.message
    found = explored(load(str(TESTS / "mutants" / "halves_swapped.py"))).first
    assert found
    recipe = read_recipe(found.explored.recipe)
    assert isinstance(recipe, LayerRecipe)
    c = recipe.config
    assert (c.d_model, c.d_out, c.heads, c.n, c.top_k, c.d_key, recipe.lead) == (1, 1, 1, 1, 1, 2, ())


def test_the_sizes_explore_no_few_and_many_cases():
    claimed = reference.profiles
    steps = {size: Plan.make(claimed, size=size, only=["explore"]).steps for size in ("minimal", "default", "full")}
    counts = {size: sum(case.examples for step in taken for case in step.cases) for size, taken in steps.items()}
    assert counts["minimal"] == 0
    assert 0 < counts["default"] * 5 < counts["full"]
    assert {step.precision for step in steps["default"] if step.check.id == "explore.select"} == {"float32", "float64"}
    for check, least in (("explore.layer", 30), ("explore.gradients", 20)):
        found = [step for step in steps["default"] if step.check.id == check]
        assert {step.precision for step in found} == set(PRECISIONS)
        assert sum(case.examples for step in found for case in step.cases) >= least
    [alone] = Plan.make({"float16"}, size="default", only=["explore.layer"]).steps
    assert alone.cases[0].examples == 30


class Spy:
    """A host that records its calls."""

    def __init__(self, **changes: Any) -> None:
        self.inner = open_host(SimpleNamespace(**vars(reference)) if not changes else changes["backend"], timeout=60)
        self.name, self.profiles, self.methods = self.inner.name, self.inner.profiles, self.inner.methods
        self.calls: list[tuple[str, Any]] = []

    dead = None

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        shape = arguments["x"].array.shape if hasattr(arguments.get("x"), "array") else np.shape(arguments.get("x"))
        self.calls.append((method, (arguments["layer"].config, shape)))
        return self.inner.call(method, arguments)

    def close(self) -> None:
        self.inner.close()


def drawn(seed: int, *, profiles: frozenset[str] = reference.profiles) -> list[tuple[str, Any]]:
    spy = Spy()
    spy.profiles = profiles
    [few] = [case for case in EXPLORATIONS if case.name == "explore.layer.few"]
    list(Explorer(few, spy, PRECISIONS["float32"], seed, lambda recipe: recipe).evidence())
    return spy.calls


def test_the_seed_decides_what_is_drawn():
    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def test_gradients_are_drawn_for_the_layers_that_are_drawn_anyway():
    spies = {name: Spy() for name in ("explore.layer", "explore.gradients")}
    for name, spy in spies.items():
        [few] = [case for case in EXPLORATIONS if case.name == f"{name}.few"]
        list(Explorer(few, spy, PRECISIONS["float32"], 0, lambda recipe: recipe).evidence())
    layers, gradients = ({config for _, (config, _) in spy.calls} for spy in spies.values())
    assert len(gradients) > 15
    assert gradients <= layers


def test_layers_are_drawn_on_both_sides_of_the_edges_of_kernels_and_within_the_budget():
    cases = [case for seed in range(6) for _, case in drawn(seed)]
    for size in ("d_model", "d_out", "top_k", "n"):
        sizes = {getattr(config, size) for config, _ in cases}
        assert len({interval(size) for size in sizes}) >= 5, sizes
        assert {size % 8 == 0 for size in sizes} == {True, False}
    for config, x in cases:
        row = config.d_out + config.d_model * (2 if config.expert == "glu" else 1)
        assert config.num_experts * row <= MOST
        assert np.prod(x[:-1]) * config.heads * config.top_k * row <= 6 * MOST, "leading axes make up to six times"


def test_only_options_that_are_claimed_are_drawn():
    options = {"query-bias", "query-norm", "glu", "sigmoid", "per-head-keys"}
    for _, (config, _) in drawn(0, profiles=reference.profiles - options):
        assert config == PeerConfig(
            config.d_model,
            config.heads,
            config.num_experts,
            config.top_k,
            config.d_key,
            d_out=config.d_out,
            activation=config.activation,
        )
    everything = [config for seed in range(4) for _, (config, _) in drawn(seed)]
    for field in ("query_bias", "query_norm", "expert", "gate", "activation", "heads", "d_key", "top_k"):
        assert len({getattr(config, field) for config in everything}) > 1


@pytest.mark.parametrize(("least", "failed"), [(2, []), (9, [("structure.supports", ("CNF-4",))])])
def test_a_declined_configuration_is_not_called_and_only_a_refusal_of_the_level_base_is_a_failure(least, failed):
    calls = []

    def supports(config: PeerConfig, dtype: Any) -> bool | str:
        return True if config.d_model >= least else "too narrow"

    def forward(layer: Any, x: Any, **options: Any) -> Any:
        calls.append(layer.config)
        return reference.forward(layer, x, **options)

    backend = SimpleNamespace(name="picky", profiles=["float32"], forward=forward, supports=supports)
    report = explored(backend)
    assert all(supports(config, None) is True for config in calls)
    assert [(finding.check, finding.clauses) for finding in report.causes] == failed


def test_an_exception_is_a_failure_that_names_the_smallest_case():
    def forward(layer: Any, x: Any, **options: Any) -> Any:
        if layer.config.heads == 3:
            raise IndexError("three")
        return reference.forward(layer, x, **options)

    report = explored(SimpleNamespace(name="faulty", profiles=["float32"], forward=forward))
    [error] = report.of("fail")
    assert error.clauses[0] == "CNF-4"
    assert error.message == (
        "supports() does not decline this configuration, but forward() raised IndexError: three; "
        "in an explored case: D=1 M=1 h=3 n=1 k=1 d=2, relu, x of shape (1,)"
    )
    assert error.problem.values["exception"] == "IndexError"


def test_a_fault_of_supports_in_an_explored_case_is_an_error_even_if_it_does_not_come_back():
    seen = set()

    def supports(config: PeerConfig, dtype: Any) -> bool | str:
        if config.heads == 3 and config not in seen:
            seen.add(config)
            raise RuntimeError("the first time")
        return True

    backend = SimpleNamespace(name="mine", profiles=["float32"], forward=reference.forward, supports=supports)
    error = explored(backend).of("error")[0]
    assert error.check == "explore.layer"
    assert error.message.startswith("supports() raised RuntimeError: the first time; in an explored case: D=")


def test_a_backend_that_hangs_ends_the_exploration():
    def forward(layer: Any, x: Any, **options: Any) -> Any:
        if layer.config.heads == 3:
            import threading

            threading.Event().wait(5)
        return reference.forward(layer, x, **options)

    report = explored(SimpleNamespace(name="hanging", profiles=["float32"], forward=forward), timeout=0.3)
    [error] = report.of("error")
    assert error.problem.kind == FaultKind.TIMED_OUT
    assert "no answer within 0.3 s" in error.message
    assert report.seconds < 3


def test_a_backend_that_answers_one_input_in_two_ways_is_found():
    rng = np.random.default_rng(0)

    def forward(layer: Any, x: Any, **options: Any) -> Any:
        out = reference.forward(layer, x, **options)
        return replace(out, y=out.y + out.y.dtype.type(rng.random() < 0.05))

    report = explored(SimpleNamespace(name="random", profiles=["float32"], forward=forward))
    assert [finding.check for finding in report.of("fail")] == ["explore.layer"]


@pytest.mark.parametrize(
    "recipe",
    [
        LayerRecipe(PeerConfig(2, 3, 4, 2, 6, query_norm="batch"), (2, 0, 1), 7, mask=Mask.SOME, training=True),
        LayerRecipe(PeerConfig(2, 3, 4, 2, 6), (), -1, data=Data.EXACT),
        HalvesRecipe(((0.0, -0.0),), ((1.0 + 2.0**-52, 2.0**53),), 2),
    ],
)
def test_a_recipe_is_read_back_from_its_line(recipe):
    again = read_recipe(recipe.to_json())
    assert again == recipe
    assert again.to_json() == recipe.to_json()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"config": {}}', '{"config": 1, "lead": []}', '{"scores1": 1}'])
def test_a_line_that_is_no_recipe_is_refused(text):
    with pytest.raises(PeerError):
        read_recipe(text)


def test_exploration_writes_no_files_and_imports_hypothesis_late(tmp_path):
    code = (
        "import sys; from peerspec.conformance import check_backend; from peerspec.backends import reference\n"
        "assert 'hypothesis' not in sys.modules\n"
        "check_backend(reference, size='minimal'); assert 'hypothesis' not in sys.modules\n"
        "check_backend(reference, only=['explore']); assert 'hypothesis' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())


def test_every_applicable_check_is_in_the_suite():
    layer = LayerRecipe(PeerConfig(2, 2, 4, 2, 4), (2, 3), 0, data=Data.EXACT, mask=Mask.SOME)
    norm = LayerRecipe(PeerConfig(2, 2, 4, 2, 4, query_norm="batch", gate="sigmoid"), (3,), 0, training=True)
    for kind in (TrialKind.LAYER, TrialKind.GRADIENTS):
        for recipe in (layer, norm):
            named = {(check.id, check.clauses, check.stage) for check in applicable_checks(kind, recipe, {"select"})}
            assert named <= {(check.id, check.clauses, check.stage) for check in CHECKS}
