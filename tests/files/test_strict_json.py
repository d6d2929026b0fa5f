"""JSON of others: what is not a value that every reader understands alike is refused in one sentence."""

from __future__ import annotations

import json

import pytest

from peerspec.files.strict_json import parse_json

BAD = {
    "nested lists": "[" * 100_000,
    "nested objects": '{"a":' * 100_000,
    "101 levels": "[" * 101 + "1" + "]" * 101,
    "a name twice": '[{"a": 1, "a": 2}]',
    "no number": '{"a": NaN}',
    "infinity": "[-Infinity]",
    "a fraction beyond every float": "[1e999]",
    "an integer of many digits": f"[{'9' * 5000}]",
    "half a surrogate pair": r'"\ud800"',
    "half a surrogate pair in a list": r'{"a": [{"b": ["\udfff"]}]}',
    "half a surrogate pair in a name": r'{"\uD83D": 1}',
    "half a surrogate pair as it is": '["\ud800"]',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_text_that_readers_understand_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"too deep|twice|no number|too large|5000 digits|surrogate") as caught:
        parse_json(text)
    assert not isinstance(caught.value, json.JSONDecodeError)


@pytest.mark.parametrize(
    "text", [r'["\ud83d\ude00", 1e308, -0.0]', '"😀"', r'{"a": "\\ud800"}', "[" * 100 + "1" + "]" * 100]
)
def test_any_other_text_is_read_as_by_the_library(text: str) -> None:
    assert parse_json(text) == parse_json(text.encode()) == json.loads(text)
