"""The site builds without a warning, shows every clause and every public name, and has no broken link."""

from __future__ import annotations

import html
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sphinx.application import Sphinx
from sphinx.util.inventory import InventoryFile

from peerspec.reference.version import SITE

ROOT = Path(__file__).parents[2]
CLAUSE = re.compile(r'<a id="([A-Z]{3}-\d+)"></a>')
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture
def inventory(site: Path) -> dict[str, str]:
    """The address of each clause and each name, by the name."""
    read = InventoryFile.load(io.BytesIO((site / "objects.inv").read_bytes()), "", lambda base, address: address)
    return {name: item.uri for kind in read.values() for name, item in kind.items()}


def test_the_build_gives_no_warning(build: subprocess.CompletedProcess[str]) -> None:
    assert (build.returncode, build.stderr) == (0, "")


def test_every_clause_has_the_address_that_reports_name(site: Path, inventory: dict[str, str]) -> None:
    page = (site / "spec.html").read_text("utf-8")
    clauses = CLAUSE.findall((ROOT / "SPEC.md").read_text("utf-8"))
    assert len(clauses) > 80
    for clause in clauses:
        assert inventory[clause] == f"spec.html#{clause}"
        assert page.count(f' id="{clause}"') == 1
    assert f'<link rel="canonical" href="{SITE}spec.html">' in page


@pytest.mark.usefixtures("site_modules")
def test_every_public_name_is_in_the_reference(inventory: dict[str, str]) -> None:
    from public_names import public_names

    hooks = "peerspec.conformance.plugin."  # pytest calls them
    names = {name for name in public_names() if not name.startswith(hooks)}
    assert len(names) > 100
    of_the_suite = {f"peerspec.conformance.runner.{name}" for name in ("make_report", "versions")}
    assert names - inventory.keys() == {*of_the_suite, "peerspec.__version__"}


def test_shapes_in_signatures_are_those_of_the_source(site: Path) -> None:
    text = html.unescape(re.sub(r"<[^>]*>", "", (site / "api" / "native.html").read_text("utf-8")))
    assert "Float[np.ndarray, 'T h d']" in text


def test_an_identifier_in_a_docstring_is_a_link_to_its_clause(site: Path) -> None:
    assert 'href="../spec.html#PAR-6">PAR-6</a>' in (site / "api" / "torch.html").read_text("utf-8")


@pytest.mark.usefixtures("site_modules")
@pytest.mark.parametrize("address", ["gone.html", "other.html#gone", "#gone", "gone.svg"])
def test_a_broken_address_is_found(tmp_path: Path, address: str) -> None:
    from anchors import broken

    (tmp_path / "other.html").write_text('<h1 id="here">x</h1><a href="#here">x</a>', "utf-8")
    tag = f'<img src="{address}">' if address.endswith("svg") else f'<a href="{address}">x</a>'
    (tmp_path / "page.html").write_text(f'{tag}<a href="other.html#here">x</a>', "utf-8")
    assert broken(tmp_path) == [f"page.html: {address}"]


@pytest.mark.usefixtures("site_modules")
@pytest.mark.parametrize(
    ("link", "made"),
    [
        ("../SPEC.md#SEL-1", 'href="spec.html#SEL-1"'),
        ("../cli/app.py", 'href="https://source/cli/app.py"'),
        ("gone.md", "the link gone.md names no file of the repository"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_site_or_a_warning(tmp_path: Path, link: str, made: str) -> None:
    (tmp_path / "index.md").write_text(f"# Page\n\n[x]({link})\n", "utf-8")
    sources = {"index": "docs/index.md", "spec": "SPEC.md"}
    options = {"page_sources": sources, "source_address": "https://source/", "myst_all_links_external": True}
    options["extensions"] = ["myst_parser", "links"]
    warnings, out = io.StringIO(), tmp_path / "out"
    Sphinx(tmp_path, None, out, tmp_path / "cache", "html", options, status=None, warning=warnings).build()
    assert made in warnings.getvalue() + (out / "index.html").read_text("utf-8")


@pytest.mark.usefixtures("site_modules")
@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("As SEL-1 and SEL-99 say.", ["SEL-99"]),
        ("# On SEL-98", ["SEL-98"]),
        ("See [SEL-97](https://x).", ["SEL-97"]),
        ("`SEL-99` is code, and ISO-8 and SEL-1 are known.", []),
    ],
)
def test_an_identifier_of_no_clause_is_a_warning_outside_code(tmp_path: Path, text: str, unknown: list[str]) -> None:
    (tmp_path / "index.md").write_text(f"# Page\n\n{text}\n", "utf-8")
    options = {"extensions": ["myst_parser", "clauses"], "clause_page": {"SEL-1": "spec"}}
    warnings = io.StringIO()
    Sphinx(tmp_path, None, tmp_path / "out", tmp_path / "cache", "html", options, status=None, warning=warnings).build()
    assert re.findall(r"(\S+) is the identifier of no clause", warnings.getvalue()) == unknown


def test_without_a_folder_the_build_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, "docs/site"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python docs/site [-h] FOLDER\n")
    assert "Traceback" not in done.stderr


def test_every_link_of_the_readme_names_a_file() -> None:
    links = LINK.findall((ROOT / "README.md").read_text("utf-8"))
    local = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]
    assert len(local) > 5
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_the_workflow_of_pages_publishes_what_make_docs_builds() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "pages.yml").read_text("utf-8"))
    steps = workflow["jobs"]["build"]["steps"]
    assert "make docs" in [step.get("run") for step in steps]
    assert steps[-1]["with"]["path"] == "build/site"
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", one) for one in used)
