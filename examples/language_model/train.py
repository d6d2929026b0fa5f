"""Train the model on a text. By default it has a million experts; a step updates only the selected ones.

    python train.py TEXT --steps 300 --checkpoint run.safetensors
    python train.py TEXT --steps 600 --checkpoint run.safetensors --resume run.safetensors

A status line shows tokens per second, the mean loss of the last 20 steps in nats per byte, the fraction of the experts
that were used at least once, and how unevenly. ``--page usage.html`` writes pictures of this. A resumed run ends with
the same bits as an uninterrupted one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections import deque
from dataclasses import asdict, fields
from pathlib import Path

# otherwise waiting threads of torch keep the processors busy that the native core needs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import checkpoint
from rich.console import Console
from trainer import OPTIMISERS, Run, Trainer

OPTIONS = [field.name for field in fields(Run)]


def main() -> None:
    options = parse_options()
    text = options.text.read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    given = {name: value for name in OPTIONS if (value := getattr(options, name)) is not None}
    before = checkpoint.about(options.resume) if options.resume else {"run": given, "text": digest}
    if options.resume and given:
        sys.exit(f"{', '.join(given)} cannot change in the middle of a run; omit it to resume")
    if before["text"] != digest:
        sys.exit(f"{options.resume} was trained on another text than {options.text}; pass the same text to resume")
    console = Console()
    with console.status("creating the model"):
        trainer = Trainer(Run(**before["run"]), text)
        if options.resume:
            checkpoint.restore(options.resume, trainer.tensors(), trainer.optimisers)
            trainer.step = before["step"]
    show(console, trainer.describe())
    advance(trainer, options, console)
    if options.checkpoint:
        with console.status(f"writing {options.checkpoint}"):
            about = {"run": asdict(trainer.run), "text": digest, "step": trainer.step}
            checkpoint.save(options.checkpoint, trainer.tensors(), trainer.optimisers, about)
        show(console, f"wrote {options.checkpoint}")
    if options.page:
        trainer.write_page(options.page)
        show(console, f"wrote {options.page}")


def advance(trainer: Trainer, options: argparse.Namespace, console: Console) -> None:
    """Run to the last step. Update the status line about once a second, and print it every ``options.every`` steps."""
    with console.status("") as status:
        started, first, losses = time.perf_counter(), trainer.step, deque[float](maxlen=20)
        while trainer.step < options.steps:
            losses.append(trainer.advance())
            seconds = time.perf_counter() - started
            printed = trainer.step % options.every == 0 or trainer.step == options.steps
            if printed or seconds > 1:
                rate = (trainer.step - first) * trainer.run.tokens / seconds
                line = f"step {trainer.step}: {rate:,.0f} tokens/s, {trainer.report(sum(losses) / len(losses))}"
                status.update(line)
                started, first = time.perf_counter(), trainer.step
            if printed:
                show(console, line)


def show(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=300, help="number of the last step (default 300)")
    parser.add_argument("--every", type=int, default=50, help="steps between printed lines (default 50)")
    parser.add_argument("--checkpoint", type=Path, help="write the run to this file at the end")
    parser.add_argument("--page", type=Path, help="write pictures of the usage of experts to this HTML file at the end")
    parser.add_argument("--resume", type=Path, help="continue from this checkpoint, with its options")
    for name, kind, default in ((field.name, type(field.default), field.default) for field in fields(Run)):
        choices = {"optimiser": OPTIMISERS, "query_norm": ("none", "batch", "layer")}.get(name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, choices=choices, help=f"default {default}")
    options = parser.parse_args()
    if not options.text.is_file():
        parser.error(f"{options.text} is not a file; name a text file to train on")
    return options


if __name__ == "__main__":
    main()
