"""The small language model of the examples learns on the device: tokens in a second, with a PEER layer and without."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import torch
from book import Row
from layout import ROOT
from rivals import Dense
from sizes import Point, Sizes, config_of
from torch import Tensor, nn
from torch.nn import functional

from peerspec.backends.torch import PEER, RowAdagrad

__all__ = ["training"]

CONTEXT, BATCH = 512, 16


def training(sizes: Sizes) -> Iterator[Row]:
    """One run of each model on bytes in which each depends on the two before; losses in nats a byte."""
    sys.path.insert(0, str(ROOT / "examples" / "language_model"))
    from model import LanguageModel, LanguageModelConfig

    dry = sizes.device == "cpu"
    context, batch = (8, 2) if dry else (CONTEXT, BATCH)
    point = Point(batch * context, max(sizes.widths[:1]), torch.float32, sizes.experts)
    config = LanguageModelConfig(config_of(sizes, point), attention_heads=2 if dry else 4, context=context)
    text = sample(100 * batch * context, sizes.device)
    for variant in ("PEER", "dense, equal FLOPs"):
        torch.manual_seed(0)
        with torch.device(sizes.device):
            model = LanguageModel(config)
        if variant != "PEER":
            dense = Dense(config.peer, device=sizes.device, dtype=torch.float32)
            model.blocks[config.layers // 2].feed_forward = dense
        losses, rate = learn(model, text, sizes.steps, batch, context)
        facts = {"what": "training", **point.facts, "variant": variant, "steps": sizes.steps}
        yield facts | {"tokens/s": rate, "first loss": losses[0], "last loss": losses[-1]}


def learn(model: nn.Module, text: Tensor, steps: int, batch: int, context: int) -> tuple[list[float], float]:
    """The loss of the first and the last step, and tokens in a second after the first steps."""
    tables = [p for m in model.modules() if isinstance(m, PEER) for p in m.experts.parameters()]
    others = [p for p in model.parameters() if all(p is not table for table in tables)]
    optimisers = [torch.optim.Adam(others, lr=1e-3)]
    if tables:
        optimisers.append(RowAdagrad(tables, lr=1e-2, in_backward=True))
    losses, warm, start = [], max(1, steps // 10), 0.0
    for step in range(steps):
        if step == warm:
            losses[0].item()
            start = time.perf_counter()
        starts = torch.randint(len(text) - context - 1, (batch, 1), device=text.device)
        tokens = text[starts + torch.arange(context + 1, device=text.device)].long()
        loss = functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        losses.append(loss.detach())
    found = [loss.item() for loss in (losses[0], losses[-1])]
    return found, (steps - warm) * batch * context / (time.perf_counter() - start)


def sample(count: int, device: str) -> Tensor:
    """Bytes of which three in four follow from the two before, and one is random."""
    source = torch.Generator().manual_seed(0)
    follows = torch.randint(256, (256, 256), generator=source, dtype=torch.uint8)
    text = torch.randint(256, (count,), generator=source, dtype=torch.uint8)
    kept = torch.rand(count, generator=source) < 0.25
    chains = 64  # as many runs side by side, for speed
    text, kept = text.view(chains, -1), kept.view(chains, -1)
    for i in range(2, text.shape[1]):
        text[:, i] = torch.where(kept[:, i], text[:, i], follows[text[:, i - 2].long(), text[:, i - 1].long()])
    return text.flatten().to(device)
