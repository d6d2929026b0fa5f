"""CNF-4: a backend that takes only the level base is judged as thoroughly as one that takes everything."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.cases import LAYER_CASES
from peerspec.conformance.kinds import Level, Reason
from peerspec.conformance.levels import BASE_ACTIVATIONS, in_base, stand_ins
from peerspec.conformance.render.terminal import left_out
from peerspec.conformance.repro import replay
from peerspec.conformance.repro.write import write_repro
from peerspec.reference import PeerConfig

TESTS = Path(__file__).parents[1]
BASE = load(str(TESTS / "variants" / "takes_the_base_level_only.py"))
MUTANTS = sorted((TESTS / "mutants").glob("[!_]*.py"))
SAMPLE = MUTANTS[3::7]

BEYOND_BASE = {
    **dict.fromkeys(("activation_identity_clipped", "linear_experts_in_tf32"), "identity"),
    **dict.fromkeys(("float32_tanh", "gelu_tanh_exact", "gelu_tanh_rounded_coefficient"), "gelu_tanh"),
    **dict.fromkeys(("gradient_gelu_tanh_without_chain", "tanh_overflows"), "gelu_tanh"),
    **dict.fromkeys(
        ("gradient_silu_overflows", "silu_in_input_dtype", "silu_overflows", "silu_twice_as_steep"), "silu"
    ),
    **dict.fromkeys(("k_clamped_to_n", "padding_is_expert_0"), "k > n"),
    "outputs_as_wide_as_x": "M ≠ D",
    **dict.fromkeys(("single_feature_squeezed", "token_of_one_feature_as_vector"), "D = 1"),
}
"""Mutants that are right at the level base, and where their defect lies."""

Supports = Callable[[PeerConfig, Any], bool | str]


def limited(backend: Any, supports: Supports = BASE.supports) -> SimpleNamespace:
    """The backend, restricted to what ``supports`` accepts."""
    parts = {name: getattr(backend, name) for name in ("name", "profiles", "forward", "select", "gradients")}
    return SimpleNamespace(**parts, supports=supports)


def with_activations(*known: str) -> Supports:
    return lambda config, dtype: BASE.supports(config, dtype) if config.activation in known else "no such activation"


@pytest.mark.parametrize("known", [("relu", "gelu"), ("relu",), ("gelu",)])
def test_a_backend_of_the_level_base_is_conformant_and_its_verdict_says_so(known: tuple[str, ...]) -> None:
    report = check_backend(limited(BASE, with_activations(*known)), timeout=inf)
    assert report.of("fail", "error") == ()
    assert (report.level, str(report.verdict)) == (Level.BASE, "conformant, level base, with declined configurations")
    lost = {finding.check for finding in report.findings if finding.reason is Reason.CONFIGURATION_DECLINED}
    others = {"gradients.kink"} if "relu" not in known else set()
    assert (
        lost == {f"experts.{a}" for a in ("relu", "gelu", "gelu_tanh", "silu", "identity") if a not in known} | others
    )
    assert {name.split("[")[0] for name in left_out(report)} == lost


def test_a_backend_that_takes_relu_and_identity_everywhere_has_the_level_full() -> None:
    report = check_backend(load(str(TESTS / "variants" / "declines_gelu.py")), size="minimal", timeout=inf)
    assert (report.level, str(report.verdict)) == (Level.FULL, "conformant, with declined configurations")


def odd_heads(config: PeerConfig, dtype: Any) -> bool | str:
    return BASE.supports(config, dtype) if config.heads % 2 else "the number of heads must be odd"


def narrow_gelu(config: PeerConfig, dtype: Any) -> bool | str:
    """Relu only for wide tokens, gelu only for narrow ones: neither throughout."""
    wide = config.d_model > 16
    return BASE.supports(config, dtype) if wide == (config.activation == "relu") else "another activation"


@pytest.mark.parametrize("supports", [odd_heads, narrow_gelu, lambda config, dtype: "nothing at all"])
def test_a_backend_that_declines_a_configuration_of_the_level_base_is_not_conformant(supports: Supports) -> None:
    report = check_backend(limited(BASE, supports), size="minimal", profiles=["float32", "core"], timeout=inf)
    assert str(report.verdict) == "not conformant: CNF-4"
    [found] = report.causes
    assert found.check == "structure.supports"
    assert found.message.startswith("it declines what the level base requires, with relu and with gelu (")


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_a_mutant_that_takes_only_the_level_base_does_not_escape(path: Path) -> None:
    report = check_backend(limited(load(str(path))), timeout=inf, stop_early=True)
    assert report.conformant == (path.stem in BEYOND_BASE), str(report.verdict)


def test_the_mutants_that_escape_exist_and_are_few() -> None:
    assert set(BEYOND_BASE) <= {path.stem for path in MUTANTS}
    assert len(BEYOND_BASE) < len(MUTANTS) / 10


@pytest.mark.parametrize("definition", LAYER_CASES, ids=lambda definition: definition.name)
def test_every_case_has_a_stand_in_at_the_level_base_unless_its_tables_are_too_large(definition: Any) -> None:
    found = list(stand_ins(definition.config, own_activation=False))
    assert found or definition.name == "numeric.beyond"
    for config in found:
        based = config.activation in (*BASE_ACTIVATIONS, definition.config.activation)
        assert based
        assert config == in_base(config, config.activation)
        assert config.d_model == config.d_out >= max(definition.config.d_model, definition.config.d_out)
        assert config.d_model % 8 == 0
        assert config.top_k == min(definition.config.top_k, config.n)


def test_only_its_own_activation_stands_for_a_case_about_an_activation() -> None:
    [found] = stand_ins(PeerConfig(7, 2, 25, 4, 6, d_out=5, activation="silu"), own_activation=True)
    assert found == PeerConfig(8, 2, 25, 4, 6, activation="silu")


def test_a_failure_at_the_level_base_is_named_and_replayed_in_the_configuration_that_was_judged(tmp_path: Path) -> None:
    backend = limited(load(str(TESTS / "mutants" / "halves_swapped.py")))
    found = check_backend(backend, timeout=inf, size="minimal", stop_early=True).first
    assert found is not None
    assert "at the level base, where D=" in found.message
    program = write_repro(backend, found, tmp_path)
    again = replay(program, backend)
    assert again.status == 1, again.text
    assert replay(program, BASE).status == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_backend_must_take_can_be_judged_alone_in_each_precision(tmp_path: Path, jobs: int) -> None:
    text = "from peerspec.backends.reference import forward\nname, profiles = 'mine', ['float32', 'bfloat16']\n"
    declines = "def supports(config, dtype): return True if str(dtype) == 'float32' else 'too narrow'\n"
    for number, (change, status) in enumerate([("", ["pass", "pass"]), (declines, ["pass", "fail"])]):
        path = tmp_path / f"mine{number}.py"
        path.write_text(text + change, "utf-8")
        report = check_backend(str(path), size="minimal", only=["structure.supports"], jobs=jobs)
        found = [(finding.check, finding.precision) for finding in report.findings]
        assert found == [("structure.supports", "float32"), ("structure.supports", "bfloat16")]
        assert [finding.status for finding in report.findings] == status
        assert report.exit_status == status.count("fail")
