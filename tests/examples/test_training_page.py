"""The page on training: its examples run, and the tables change."""

import re
from pathlib import Path

import pytest
import torch

TEXT = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
EXAMPLES = re.findall(r"<!-- run -->\n```python\n(.*?)```", TEXT, re.DOTALL)


# torch.compile warns of a call that it makes itself.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_the_examples_of_the_page_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(EXAMPLES) == 7
    names: dict[str, object] = {}
    exec(EXAMPLES[0], names)
    table = names["tables"][0]
    assert table.grad is None
    used = names["optimisers"][0].state[table]["sum"] > 0
    assert used.any()
    assert not used.all()
    names["__name__"] = "page"  # transformers asks where the class of the page is defined
    for example in EXAMPLES[1:]:
        exec(example, names)
    torch.compiler.reset()
