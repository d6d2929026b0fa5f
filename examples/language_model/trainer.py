"""Training steps of the language model: one optimiser for the expert tables and one for all other parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from model import LanguageModel, LanguageModelConfig
from torch import Tensor
from torch.nn import functional

from peerspec.backends.torch import PEER, LazyAdam, RowAdagrad, RowSGD, Usage, clip_grad_norm_
from peerspec.reference import InputError, PeerConfig

__all__ = ["OPTIMISERS", "Run", "Trainer"]

RECORD_EVERY, ROWS = 10, 512
"""Steps from one row of the history of usage to the next, and how many it holds."""
OPTIMISERS = {"sgd": RowSGD, "adagrad": RowAdagrad, "adam": LazyAdam}


@dataclass(frozen=True)
class Run:
    """The options of a run. With the text and the number of threads, they determine every bit of the result.

    Args:
        experts, width, heads, top_k, d_key, query_norm: of the PEER layer.
        layers, context: of the model.
        batch: sequences per pass.
        optimiser: of the expert tables, one of ``OPTIMISERS``; all other parameters use Adam.
        rate, table_rate: learning rates of the other parameters and of the tables.
        accumulate: passes per step.
        clip: the maximum norm of all gradients together; 0 for no limit.
        seed: of the parameters and of the random windows of the text.
    """

    experts: int = 2**20
    width: int = 256
    heads: int = 8
    top_k: int = 16
    d_key: int = 128
    query_norm: str = "batch"
    layers: int = 3
    context: int = 128
    batch: int = 4
    optimiser: str = "adagrad"
    rate: float = 1e-3
    table_rate: float = 1e-2
    accumulate: int = 1
    clip: float = 0.0
    seed: int = 0

    @property
    def tokens(self) -> int:
        """Tokens per step."""
        return self.batch * self.context * self.accumulate


class Trainer:
    """A model that learns to predict the next byte of a text.

    Args:
        run: sizes and options.
        text: must be longer than the context.

    Raises:
        InputError: the text is too short, or the sizes do not fit together.
    """

    def __init__(self, run: Run, text: bytes) -> None:
        if len(text) <= run.context:
            raise InputError(f"the text must be longer than the context of {run.context} bytes, got {len(text)}")
        self.run, self.step = run, 0
        self.text = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        torch.manual_seed(run.seed)
        peer = PeerConfig(run.width, run.heads, run.experts, run.top_k, run.d_key, query_norm=run.query_norm)
        config = LanguageModelConfig(peer, layers=run.layers, context=run.context)
        self.layer = PEER(peer, sparse_gradients=True)
        self.usage = Usage(self.layer, mode="training", history=ROWS)
        self.model = LanguageModel(config, self.layer)
        tables = dict(self.layer.experts.named_parameters(prefix="experts"))
        others = [p for p in self.model.parameters() if not any(p is table for table in tables.values())]
        in_backward = run.accumulate == 1 and not run.clip  # accumulation and clipping need stored gradients
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "tables": OPTIMISERS[run.optimiser](tables.values(), lr=run.table_rate, in_backward=in_backward),
            "others": torch.optim.Adam(others, lr=run.rate),
        }

    def advance(self) -> float:
        """Take one step; the loss before it, in nats a byte."""
        draws = torch.Generator().manual_seed((self.run.seed << 32) + self.step)
        loss = sum(self._learn(self._batch(draws)) for _ in range(self.run.accumulate))
        if self.run.clip:
            clip_grad_norm_(self.model.parameters(), self.run.clip)
        for optimiser in self.optimisers.values():
            optimiser.step()
            optimiser.zero_grad()
        self.step += 1
        if self.step % RECORD_EVERY == 0:
            self.usage.record(self.step)
        return loss

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and the usage of experts, by name."""
        usage = {f"usage.{name}": tensor for name, tensor in self.usage.state_dict().items()}
        return {**self.model.state_dict(), **usage}

    def describe(self) -> str:
        """The model in one line."""
        count = sum(parameter.numel() for parameter in self.model.parameters())
        return f"{count / 1e6:,.1f} million parameters, {self.run.experts:,} experts, at step {self.step:,}"

    def report(self, loss: float) -> str:
        """The loss and the usage of experts in one line."""
        return f"loss {loss:.3f}, experts used {self.usage.usage():.1%}, unevenness {self.usage.unevenness():.2f} nats"

    def write_page(self, path: Path) -> None:
        """Write pictures of the usage of experts as one page."""
        from peerspec.plots import LayerUsage, write_page

        name = f"blocks.{self.run.layers // 2}.feed_forward"
        layer = LayerUsage(*self.usage.arrays(), self.usage.history.rows())
        write_page(path, {name: layer}, title=f"Usage of experts up to step {self.step:,}", overwrite=True)

    def _batch(self, draws: torch.Generator) -> Tensor:
        window = self.run.context + 1
        starts = torch.randint(len(self.text) - window + 1, (self.run.batch, 1), generator=draws)
        return self.text[starts + torch.arange(window)].long()

    def _learn(self, tokens: Tensor) -> float:
        logits = self.model(tokens[:, :-1])
        loss = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()) / self.run.accumulate
        loss.backward()
        return loss.item()
