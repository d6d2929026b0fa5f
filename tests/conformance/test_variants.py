"""No correct backend is accused, however differently it computes.

Each runs with a seed of its own, in one of its precisions; ``python benchmarks/tester.py`` runs each with many.
"""

from pathlib import Path

import pytest

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.reference import PRECISIONS

FILES = sorted((Path(__file__).parents[1] / "variants").glob("[!_]*.py"))
AT_LEAST = 95


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_correct_variant_is_accused_of_nothing(path: Path) -> None:
    backend = load(str(path))
    if reason := getattr(backend, "unavailable_reason", ""):
        pytest.skip(reason)
    seed = FILES.index(path)
    precisions = [profile for profile in PRECISIONS if profile in backend.profiles]
    others = set(precisions) - {precisions[seed % len(precisions)]}
    profiles = [profile for profile in backend.profiles if profile not in others]
    report = check_backend(backend, size="minimal", seed=seed, profiles=profiles)
    accused = report.of("fail", "error")
    assert not accused, f"seed {seed}: {accused[0].check} in {accused[0].precision}: {accused[0].message}"
    assert report.conformant


def test_there_are_enough_variants_and_each_says_how_it_differs() -> None:
    assert len(FILES) >= AT_LEAST
    assert all((load(str(path)).__doc__ or "").strip() for path in FILES)


def test_a_backend_without_routing_is_named_so() -> None:
    [path] = [path for path in FILES if path.stem == "without_routing"]
    verdict = check_backend(load(str(path)), size="minimal").verdict
    assert (verdict.kind, verdict.shows_routing) == ("conformant", False)
    assert str(verdict) == "conformant, routing not shown"
