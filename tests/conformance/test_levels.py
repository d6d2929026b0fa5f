"""CNF-4: a backend that declines configurations is judged as thoroughly as one that takes everything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import pytest

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.cases import LAYER_CASES
from peerspec.conformance.kinds import Level, Reason
from peerspec.conformance.levels import full_forms, full_requires, in_base, stand_ins, with_k
from peerspec.conformance.render.repeat import repeat_command
from peerspec.conformance.render.terminal import left_out
from peerspec.conformance.repro import replay
from peerspec.conformance.repro.write import write_repro
from peerspec.reference import PeerConfig

TESTS = Path(__file__).parents[1]
BASE = load(str(TESTS / "variants" / "takes_the_base_level_only.py"))
WHOLE = load(str(TESTS / "variants" / "unmutated.py"))
MUTANTS = [path for path in sorted((TESTS / "mutants").glob("[!_]*.py")) if "_comparing" not in path.read_text("utf-8")]
"""Those of PEER layers; others cannot be declined."""


def sample(part: int) -> set[str]:
    """One of 68 parts of the mutants, by their names: a new mutant does not move the others."""
    return {path.stem for path in MUTANTS if crc32(path.stem.encode()) % 68 == part}


FIRST = json.loads((TESTS.parent / "benchmarks" / "results" / "mutants.json").read_text("utf-8"))
"""What the last sweep found first, by mutant."""

PRECISIONS = ["float32", "bfloat16"]

BEYOND_BASE = {
    **dict.fromkeys(("activation_identity_clipped", "linear_experts_in_tf32"), "identity"),
    **dict.fromkeys(("float32_tanh", "gelu_tanh_exact", "gelu_tanh_rounded_coefficient"), "gelu_tanh"),
    **dict.fromkeys(("gradient_gelu_tanh_without_chain", "tanh_overflows"), "gelu_tanh"),
    **dict.fromkeys(("pair_gelu_tanh_gradient_in_glu", "pair_gelu_tanh_in_glu_is_exact"), "gelu_tanh"),
    **dict.fromkeys(("gradient_silu_overflows", "pair_silu_slope_is_the_gate", "silu_ends_at_minus_20"), "silu"),
    **dict.fromkeys(
        ("silu_in_input_dtype", "silu_overflows", "silu_twice_as_steep", "value_silu_overflows_in_glu"), "silu"
    ),
    **dict.fromkeys(("k_clamped_to_n", "padding_is_expert_0", "size_k_beyond_a_list_of_n"), "k > n"),
    **dict.fromkeys(("outputs_as_wide_as_x", "size_outputs_wider_than_64_features"), "M ≠ D"),
    **dict.fromkeys(("single_feature_squeezed", "token_of_one_feature_as_vector"), "D = 1"),
}
"""Mutants that are right at the level base, and where their defect lies."""

BEYOND_FULL = {
    **{name: kind for name, kind in BEYOND_BASE.items() if kind in ("gelu_tanh", "silu")},
    **dict.fromkeys(("activation_argument_clipped", "float32_erf", "gelu_by_logistic", "gelu_by_tanh"), "gelu"),
    **dict.fromkeys(("gelu_erf_of_hastings", "gelu_erf_off_by_4e_6", "gelu_is_silu", "gelu_table_at_nan"), "gelu"),
    **dict.fromkeys(("geglu_by_tanh", "gradient_geglu_by_tanh", "gradient_gelu_by_tanh"), "gelu"),
    "pair_sigmoid_gate_inside_glu": "silu",
    **dict.fromkeys(("gradient_gelu_without_density", "narrow_slope_of_gelu_beyond_4"), "gelu"),
}
"""Mutants that are right with relu and identity, and the activation in which their defect lies."""

Supports = Callable[[PeerConfig, Any], bool | str]


def limited(backend: Any, supports: Supports = BASE.supports) -> SimpleNamespace:
    """The backend, restricted to what ``supports`` accepts."""
    parts = {name: getattr(backend, name) for name in ("name", "profiles", "forward", "select", "gradients")}
    return SimpleNamespace(**parts, supports=supports)


def with_activations(*known: str) -> Supports:
    return lambda config, dtype: BASE.supports(config, dtype) if config.activation in known else "no such activation"


def escapes(name: str, beyond: dict[str, str], supports: Supports) -> bool:
    """Whether a mutant is conformant when it takes only what ``supports`` accepts.

    The check that finds the whole mutant runs first, and alone: mostly it finds this one, too. A run without a finding
    goes through all cases, so one that is expected has the minimal size.
    """
    size = "minimal" if name in beyond else "default"
    path = str(TESTS / "mutants" / f"{name}.py")
    judge = partial(check_backend, size=size, timeout=inf, stop_early=True)
    if judge(limited(load(path), supports), only=[FIRST[name]["check"]]).first:
        return False
    return judge(limited(load(path), supports)).conformant


@pytest.mark.parametrize(
    ("known", "size"), [(("relu", "gelu"), "default"), (("relu",), "minimal"), (("gelu",), "minimal")]
)
def test_a_backend_of_the_level_base_is_conformant_and_its_verdict_says_so(known: tuple[str, ...], size: str) -> None:
    report = check_backend(limited(BASE, with_activations(*known)), size=size, timeout=inf)
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


SIZES = r"D=(\d+) M=\{} h={} N=\d+ k=\d+ d=\d+"
BOTH = rf"it declines {SIZES}, with relu and with gelu, although M = D, D is a multiple of 8, and k ≤ n: {{}}"
EACH = (
    rf"it must take relu, or gelu, wherever M = D, D is a multiple of 8, and k ≤ n, but declines {SIZES}, with relu, "
    rf"and {SIZES}, with gelu: {{}}"
)


@pytest.mark.parametrize(
    ("supports", "message"),
    [
        (odd_heads, BOTH.format(1, "[24680]+", "the number of heads must be odd")),
        (narrow_gelu, EACH.format(1, r"\d+", 2, r"\d+", "another activation")),
        (lambda config, dtype: "no " * 100, BOTH.format(1, r"\d+", f"{('no ' * 100)[:119]}…")),
    ],
    ids=["odd heads", "narrow gelu", "nothing"],
)
def test_a_backend_that_declines_a_configuration_of_the_level_base_is_not_conformant(
    supports: Supports, message: str
) -> None:
    report = check_backend(limited(BASE, supports), size="minimal", profiles=["float32", "core"], timeout=inf)
    assert str(report.verdict) == "not conformant: CNF-4"
    [found] = report.causes
    assert found.check == "structure.supports"
    assert re.fullmatch(message, found.message), found.message


def whole(supports: Supports, **changes: Any) -> SimpleNamespace:
    """The reference with its routing and gradients, restricted to what ``supports`` accepts."""
    parts = {name: getattr(WHOLE, name) for name in ("name", "profiles", "forward", "select", "gradients")}
    return SimpleNamespace(**parts | changes, supports=supports)


REQUIRED = {
    "heads in one precision": lambda c, dtype: "h" if dtype == "bfloat16" and c.heads > 4 else True,
    "experts": lambda c, dtype: "N" if c.num_experts > 65536 else True,
    "three options at once": lambda c, dtype: (
        "three" if c.expert == "glu" and c.gate == "sigmoid" and c.query_norm == "batch" else True
    ),
    "two options that no case has with relu": lambda c, dtype: "two" if c.query_bias and c.key_heads > 1 else True,
}


@pytest.mark.parametrize("supports", REQUIRED.values(), ids=REQUIRED)
def test_every_planned_layer_must_be_taken_in_every_precision_and_with_relu(supports: Supports) -> None:
    report = check_backend(whole(supports), size="minimal", timeout=inf)
    assert str(report.verdict) == "not conformant: CNF-4"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_level_is_that_of_the_layers_of_every_precision(dtype: str) -> None:
    report = check_backend(
        whole(lambda c, given: "k" if given == dtype and c.top_k > c.n else True), size="minimal", timeout=inf
    )
    assert str(report.verdict) == "conformant, level base, with declined configurations"
    mixed = ", mixed-bfloat16, mixed-float16" if dtype == "float32" else ""
    assert report.declined == (f"{dtype}{mixed}: k",)


def test_select_with_k_above_n_is_judged_unless_a_planned_layer_with_it_is_declined() -> None:
    def select(s1: Any, s2: Any, k: int) -> Any:
        assert k <= s1.shape[-1], "k is too large"
        return WHOLE.select(s1, s2, k)

    honest = whole(lambda c, dtype: "k" if c.top_k > c.n else True, select=select)
    assert check_backend(honest, size="minimal", timeout=inf).conformant
    plain = whole(lambda c, dtype: "k" if c == with_k(c.n, c.top_k, c.activation) and c.top_k > c.n else True)
    plain.select = select
    report = check_backend(plain, size="minimal", timeout=inf)
    assert report.broken == ("CNF-4",)
    assert report.causes[0].message.endswith("but select() raised AssertionError: k is too large")


def test_a_configuration_with_very_large_tables_is_required_by_no_level() -> None:
    large = PeerConfig(64, 1, 1024**2, 16, 2, activation="relu")
    assert full_requires(large)
    assert in_base(large, "relu")
    for larger in (replace(large, d_model=72, d_out=64), replace(large, expert="glu")):
        assert not full_requires(larger)
        assert not list(full_forms(larger))
        assert in_base(larger, "relu") is None


def only_relu_and_identity(config: PeerConfig, dtype: Any) -> bool | str:
    return True if config.activation in ("relu", "identity") else "no such activation"


NARROWED = [
    "dy_read_in_memory_order", "gradient_of_masked_tokens_dropped", "gradient_tables_in_memory_order",
    "gradient_glu_derivative_for_u", "gradient_of_w_in_input_dtype", "keys_tied_under_glu",
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(sample(5) | {*NARROWED}))
def test_a_mutant_that_takes_only_relu_and_identity_does_not_escape(name: str) -> None:
    assert escapes(name, BEYOND_FULL, only_relu_and_identity) == (name in BEYOND_FULL)


@pytest.mark.parametrize("name", sorted(sample(3) | sample(4)))
def test_a_mutant_that_takes_only_the_level_base_does_not_escape(name: str) -> None:
    assert escapes(name, BEYOND_BASE, BASE.supports) == (name in BEYOND_BASE)


def test_the_mutants_that_escape_exist_and_are_few() -> None:
    assert {*BEYOND_BASE, *BEYOND_FULL} <= {path.stem for path in MUTANTS}
    assert max(len(BEYOND_BASE), len(BEYOND_FULL)) < len(MUTANTS) / 10


@pytest.mark.parametrize("definition", LAYER_CASES, ids=lambda definition: definition.name)
def test_every_case_has_a_stand_in_at_each_level_unless_its_tables_are_too_large(definition: Any) -> None:
    found = list(stand_ins(definition.config, own_activation=False))
    assert definition.config not in found
    own = {replace(definition.config, activation=kind) for kind in ("relu", "identity")} - {definition.config}
    assert own <= set(found)
    assert found[0].activation == "relu" or definition.config.activation == "relu"
    based = [config for config in found if config not in own]
    own_base = in_base(definition.config, definition.config.activation)
    assert based or definition.name == "numeric.beyond" or definition.config == own_base
    for config in based:
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
    assert "instead of the configuration of the case, which the backend declines" in found.message
    program = write_repro(backend, found, tmp_path)
    again = replay(program, backend)
    assert again.status == 1, again.text
    assert replay(program, BASE).status == 0


@pytest.mark.parametrize("only", ["structure.supports", "structure."])
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_backend_must_take_can_be_judged_alone_in_each_precision(tmp_path: Path, jobs: int, only: str) -> None:
    text = f"from peerspec.backends.reference import forward\nname, profiles = 'mine', {PRECISIONS}\n"
    declines = "def supports(config, dtype): return True if str(dtype) == 'float32' else 'too narrow'\n"
    for number, (change, status) in enumerate([("", ["pass", "pass"]), (declines, ["pass", "fail"])]):
        path = tmp_path / f"mine{number}.py"
        path.write_text(text + change, "utf-8")
        report = check_backend(str(path), size="minimal", only=[only], jobs=jobs)
        found = [finding for finding in report.findings if finding.check == "structure.supports"]
        assert [(finding.precision, finding.status) for finding in found] == list(zip(PRECISIONS, status, strict=True))
        assert (len(report.findings) > 2) == (only == "structure.")
        assert report.exit_status == status.count("fail")


def test_a_refusal_for_which_a_case_of_another_check_asked_is_repeated_by_the_whole_run() -> None:
    plain = with_k(8, 3, "relu")
    sizes = (plain.d_model, plain.heads, plain.d_key)
    assert sizes not in {(case.config.d_model, case.config.heads, case.config.d_key) for case in LAYER_CASES}

    def supports(config: PeerConfig, dtype: Any) -> bool | str:
        return (config.d_model, config.heads, config.d_key) != sizes or "no plain layer"

    for declines, only in ((supports, []), (lambda config, dtype: "nothing", ["structure.supports"])):
        profiles = ["float32", "core", "select"]
        report = check_backend(limited(WHOLE, declines), size="minimal", profiles=profiles, timeout=inf)
        [found] = report.causes
        command = repeat_command(report, found)
        assert (found.check, re.findall(r"--only (\S+)", command)) == ("structure.supports", only)
