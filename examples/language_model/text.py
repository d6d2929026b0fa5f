"""A text as bytes for training and bytes held out, random windows of it, and the loss of a model on them."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from jaxtyping import Int
from model import LanguageModel
from torch import Tensor
from torch.nn import functional

__all__ = ["Text", "evaluate", "held_out_windows", "loss_of", "read", "windows"]

Text = Int[Tensor, " bytes"]


def read(path: Path, context: int) -> tuple[Text, Text]:
    """The text for training, and its last tenth, held out."""
    text = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    held_out = len(text) // 10
    if held_out < context:
        sys.exit(f"{path} must have at least {10 * context + 10} bytes, got {len(text)}")
    return text[:-held_out], text[-held_out:]


def windows(text: Text, draws: torch.Generator, count: int, context: int) -> Int[Tensor, "count S"]:
    """Random windows of a text."""
    starts = torch.randint(len(text) - context + 1, (count, 1), generator=draws)
    return text[starts + torch.arange(context)].long()


def held_out_windows(text: Text, context: int) -> Int[Tensor, "64 S"]:
    """Windows of a text that are always the same."""
    return windows(text, torch.Generator().manual_seed(0), 64, context)


def loss_of(model: LanguageModel, tokens: Int[Tensor, "B S"]) -> Tensor:
    """The mean loss of the next byte, in nats."""
    return functional.cross_entropy(model(tokens)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


@torch.no_grad()
def evaluate(model: LanguageModel, text: Text) -> float:
    """The loss on the held-out windows of a text."""
    model.eval()
    found = loss_of(model, held_out_windows(text, model.config.context)).item()
    model.train()
    return found
