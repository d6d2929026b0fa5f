"""Training the language model: a resumed run ends where an uninterrupted one does, and the program reports this."""

import importlib
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from support.programs import modules_of

from peerspec.reference import InputError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "language_model"
TEXT = (ROOT / "SPEC.md").read_bytes()[:20_000]
SIZES = {"experts": 64, "width": 16, "heads": 2, "top_k": 4, "d_key": 8, "context": 12, "batch": 2}
NAMES = ("model", "trainer", "checkpoint")


@pytest.fixture(scope="module")
def example():
    """The modules of the example. They import each other by bare names, as scripts do."""
    with modules_of(EXAMPLE):
        yield {name: importlib.import_module(name) for name in NAMES}


def tensor_bytes(path: Path) -> dict[str, bytes]:
    return {name: tensor.reshape(-1).view(torch.uint8).numpy().tobytes() for name, tensor in load_file(path).items()}


@pytest.mark.parametrize("optimiser", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("options", [{}, {"accumulate": 2, "clip": 0.5}])
def test_a_resumed_run_ends_bit_for_bit_where_a_whole_one_does(example, tmp_path, optimiser, options):
    run = example["trainer"].Run(**SIZES, optimiser=optimiser, **options)
    paths = {name: tmp_path / name for name in ("half", "whole", "resumed")}
    whole = example["trainer"].Trainer(run, TEXT)
    for step in range(6):
        if step == 3:
            write(example, paths["half"], whole)
        whole.advance()
    write(example, paths["whole"], whole)
    resumed = example["trainer"].Trainer(replace(run, seed=1), TEXT)  # other parameters, which restore replaces
    example["checkpoint"].restore(paths["half"], resumed.tensors(), resumed.optimisers)
    resumed.step, resumed.run = example["checkpoint"].about(paths["half"])["step"], run
    for _ in range(3):
        resumed.advance()
    write(example, paths["resumed"], resumed)
    assert tensor_bytes(paths["resumed"]) == tensor_bytes(paths["whole"]) != tensor_bytes(paths["half"])


def write(example, path, trainer):
    about = {"run": asdict(trainer.run), "step": trainer.step}
    example["checkpoint"].save(path, trainer.tensors(), trainer.optimisers, about)


def test_training_touches_few_experts_and_counts_them(example):
    trainer = example["trainer"].Trainer(example["trainer"].Run(**SIZES | {"experts": 4096}), TEXT)
    before = trainer.layer.get_parameter("experts.u").detach().clone()
    trainer.advance()
    changed = (trainer.layer.get_parameter("experts.u") != before).any(1)
    assert torch.equal(changed, trainer.usage.counts > 0)
    assert trainer.usage.counts.sum() == trainer.run.tokens * 2 * 4
    assert 0 < trainer.usage.usage() == changed.sum() / 4096 < 0.05
    assert trainer.usage.unevenness() > 3  # of at most log 4096 = 8.3


def test_a_resumed_run_goes_on_with_the_usage_and_its_history(example, tmp_path):
    run = example["trainer"].Run(**SIZES)
    whole, resumed = (example["trainer"].Trainer(run, TEXT) for _ in range(2))
    for step in range(30):
        if step == 15:
            write(example, tmp_path / "half", whole)
        whole.advance()
    example["checkpoint"].restore(tmp_path / "half", resumed.tensors(), resumed.optimisers)
    resumed.step = 15
    for _ in range(15):
        resumed.advance()
    assert whole.usage.history.rows()[:, 0].tolist() == [10, 20, 30]
    assert resumed.usage.history.rows().tolist() == whole.usage.history.rows().tolist()
    assert torch.equal(resumed.usage.sums, whole.usage.sums)


def test_training_learns_something(example):
    trainer = example["trainer"].Trainer(example["trainer"].Run(**SIZES, rate=1e-2), TEXT)
    losses = [trainer.advance() for _ in range(80)]
    assert sum(losses[-10:]) < sum(losses[:10]) - 10


def test_a_text_no_longer_than_the_context_is_refused(example):
    with pytest.raises(InputError, match="longer than the context of 12"):
        example["trainer"].Trainer(example["trainer"].Run(**SIZES), TEXT[:12])


def test_the_program_trains_writes_resumes_and_refuses_other_options(tmp_path):
    text, path = tmp_path / "text", tmp_path / "run.safetensors"
    text.write_bytes(TEXT)
    sizes = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]
    first = program(text, "--steps=4", "--every=2", f"--checkpoint={path}", *sizes)
    assert [line.split(":")[0] for line in first.stdout.splitlines() if line.startswith("step")] == ["step 2", "step 4"]
    for words in ("64 experts, at step 0", "tokens/s, loss", "experts used", "unevenness", "wrote"):
        assert words in first.stdout
    again = program(text, "--steps=6", f"--resume={path}", f"--checkpoint={path}", f"--page={tmp_path / 'usage.html'}")
    assert "Usage of experts up to step 6" in (tmp_path / "usage.html").read_text("utf-8")
    assert "at step 4" in again.stdout
    assert "step 6:" in again.stdout
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["step"] == 6
    assert about["run"]["experts"] == 64
    assert list(tmp_path.glob(".*")) == []
    refused = program(text, "--steps=8", f"--resume={path}", "--batch=3", check=False)
    assert refused.returncode == 1
    assert "batch cannot change in the middle of a run; omit it to resume" in refused.stderr


def program(text: Path, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLE / "train.py", text, *options]
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=120)
