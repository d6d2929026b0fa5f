"""CITATION.cff names the versions that it stands for."""

import re
from datetime import date
from pathlib import Path

import peerspec
from peerspec.reference import SPEC_VERSION

TEXT = (Path(__file__).parents[1] / "CITATION.cff").read_text("utf-8")
SOFTWARE, PREFERRED = re.split(r"^preferred-citation:\n", TEXT, flags=re.MULTILINE)
PREFERRED = PREFERRED.partition("\nreferences:\n")[0]


def test_the_version_of_the_software_is_that_of_the_package() -> None:
    assert re.findall(r"^version: (.+)$", SOFTWARE, re.MULTILINE) == [peerspec.__version__]


def test_the_preferred_citation_is_the_implemented_version_of_the_specification() -> None:
    assert re.findall(r"^  version: (.+)$", PREFERRED, re.MULTILINE) == [SPEC_VERSION]
    assert f'"peerspec {SPEC_VERSION}, SEL-1"' in PREFERRED


def test_both_have_a_date_of_release_and_the_same_one() -> None:
    dates = re.findall(r"^ *date-released: (.+)$", TEXT, re.MULTILINE)
    assert len(dates) == 2
    assert len({date.fromisoformat(day) for day in dates}) == 1


def test_every_reference_has_the_fields_that_the_format_requires() -> None:
    for block in (SOFTWARE, PREFERRED, TEXT.partition("\nreferences:\n")[2]):
        assert all(re.search(rf"^[ -]*{field}:", block, re.MULTILINE) for field in ("title", "authors"))
    assert re.search(r"^  type: standard$", PREFERRED, re.MULTILINE)
    assert re.search(r"^cff-version: 1\.2\.0$", SOFTWARE, re.MULTILINE)


def test_a_doi_is_written_only_when_there_is_one() -> None:
    assert all(re.fullmatch(r"10\.\d{4,9}/\S+", doi) for doi in re.findall(r"^ *-? *doi: *(.*)$", TEXT, re.MULTILINE))
