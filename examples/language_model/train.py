"""Train the model on a text: by default a million experts, of which a step updates those that its tokens pick.

    python train.py TEXT --steps 300 --checkpoint run.safetensors
    python train.py TEXT --steps 600 --checkpoint run.safetensors --resume run.safetensors

A line follows the run: tokens a second, the loss of the last 20 steps in nats a byte, the share of the experts that
were used at all, and the share of all uses that the busiest hundredth of the experts take. A run that is resumed ends
bit for bit where it would have ended.
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

# threads of torch that spin while they wait would take the processors from those of the native core
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import checkpoint
from rich.console import Console
from trainer import OPTIMISERS, Run, Trainer

OPTIONS = [field.name for field in fields(Run)]


def main() -> None:
    options = parsed()
    text = options.text.read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    given = {name: value for name in OPTIONS if (value := getattr(options, name)) is not None}
    before = checkpoint.about(options.resume) if options.resume else {"run": given, "text": digest}
    if options.resume and given:
        sys.exit(f"{', '.join(given)} cannot change in the middle of a run; leave it out to resume")
    if before["text"] != digest:
        sys.exit(f"{options.resume} learns from another text than {options.text}; pass that one to resume")
    console = Console()
    with console.status("making the model"):
        trainer = Trainer(Run(**before["run"]), text)
        if options.resume:
            checkpoint.restore(options.resume, trainer.tensors(), trainer.optimisers)
            trainer.step = before["step"]
    say(console, trainer.describe())
    follow(trainer, options, console)
    if options.checkpoint:
        with console.status(f"writing {options.checkpoint}"):
            about = {"run": asdict(trainer.run), "text": digest, "step": trainer.step}
            checkpoint.save(options.checkpoint, trainer.tensors(), trainer.optimisers, about)
        say(console, f"wrote {options.checkpoint}")


def follow(trainer: Trainer, options: argparse.Namespace, console: Console) -> None:
    """Go on to the last step, and say how it goes: once a second where the line stands, every so often to stay."""
    with console.status("") as status:
        since, begun, losses = time.perf_counter(), trainer.step, deque[float](maxlen=20)
        while trainer.step < options.steps:
            losses.append(trainer.advance())
            seconds = time.perf_counter() - since
            stays = trainer.step % options.every == 0 or trainer.step == options.steps
            if stays or seconds > 1:
                rate = (trainer.step - begun) * trainer.run.tokens / seconds
                line = f"step {trainer.step}: {rate:,.0f} tokens/s, {trainer.report(sum(losses) / len(losses))}"
                status.update(line)
                since, begun = time.perf_counter(), trainer.step
            if stays:
                say(console, line)


def say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=300, help="the number of the last step (default 300)")
    parser.add_argument("--every", type=int, default=50, help="steps between printed lines (default 50)")
    parser.add_argument("--checkpoint", type=Path, help="write the run here at its end")
    parser.add_argument("--resume", type=Path, help="go on from this checkpoint, with the options written there")
    for name, kind, default in ((field.name, type(field.default), field.default) for field in fields(Run)):
        choices = {"optimiser": OPTIMISERS, "query_norm": ("none", "batch", "layer")}.get(name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, choices=choices, help=f"default {default}")
    options = parser.parse_args()
    if not options.text.is_file():
        parser.error(f"{options.text} is not a file; name a text to learn")
    return options


if __name__ == "__main__":
    main()
