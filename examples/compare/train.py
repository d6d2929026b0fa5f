"""Train one small language model with each of five layers in the place of its feed-forward block, at equal FLOPs.

    python train.py TEXT --steps 400 --plot compare.svg

All models see the same bytes in the same order, and all but the layer begins with the same parameters. The program
prints what each layer costs, its loss on held-out bytes for each seed, and the processor time of a step. Where
experts choose, the loss is also that of generation, in which no expert sees later bytes (XCM-6).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

# otherwise waiting threads of torch keep the processors busy that the native core needs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "language_model"))

from layers import EXPERTS_CHOOSE, NAMES, PEER_CONFIG, new_layer
from model import LanguageModel, LanguageModelConfig
from picture import plot
from results import HEAD, NOTE, Curve, Result, show
from text import Text, evaluate, held_out_windows, loss_of, read, windows

CONTEXT, BATCH, EVERY = 64, 16, 20
RATES = dict.fromkeys(NAMES, 1e-3) | {"memory": 3e-3}
"""For each the better of 1e-3 and 3e-3 on the held-out bytes, in the mean over two seeds."""


def new_model(name: str, seed: int) -> LanguageModel:
    """A model of one block with a layer; everything else is the same for all layers."""
    torch.manual_seed(seed)
    model = LanguageModel(LanguageModelConfig(PEER_CONFIG, layers=1, context=CONTEXT))
    torch.manual_seed(seed)
    model.blocks[0].feed_forward = new_layer(name)
    return model


def train(model: LanguageModel, text: Text, held_out: Text, steps: int, rate: float, seed: int) -> tuple[Curve, float]:
    """The losses on held-out bytes over the steps, and the processor seconds of a step."""
    optimiser, draws = torch.optim.Adam(model.parameters(), lr=rate), torch.Generator().manual_seed(seed)
    curve, seconds = [(0, evaluate(model, held_out))], 0.0
    for step in range(1, steps + 1):
        begun = time.process_time()
        optimiser.zero_grad()
        loss_of(model, windows(text, draws, BATCH, CONTEXT)).backward()
        optimiser.step()
        seconds += time.process_time() - begun
        if step % EVERY == 0 or step == steps:
            curve.append((step, evaluate(model, held_out)))
    return curve, seconds / steps


@torch.no_grad()
def byte_by_byte(model: LanguageModel, tokens: Int[Tensor, "B S"]) -> float:
    """The loss as in generation: a call for each byte of each sequence, with the bytes before it alone."""
    model.eval()
    losses = []
    for sequence in tokens:
        logits = torch.cat([model(sequence[None, :end])[:, -1] for end in range(1, len(sequence))])
        losses.append(functional.cross_entropy(logits, sequence[1:]).item())
    return sum(losses) / len(losses)


def result_of(name: str, text: Text, held_out: Text, steps: int, rate: float, seeds: int) -> Result:
    """What a layer reaches with each seed."""
    curves, seconds, generating = [], [], []
    for seed in range(seeds):
        model = new_model(name, seed)
        curve, each = train(model, text, held_out, steps, rate, seed)
        curves.append(curve)
        seconds.append(each)
        if name == EXPERTS_CHOOSE:
            generating.append(byte_by_byte(model, held_out_windows(held_out, CONTEXT)))
    return Result(name, curves, generating, sum(seconds) / seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2, help="how often each layer is trained")
    parser.add_argument("--rate", type=float, help="learning rate of all layers, instead of the best one of each")
    parser.add_argument("--plot", type=Path, help="write the curves to this picture, .svg or .png")
    options = parser.parse_args()
    if not options.text.is_file():
        parser.error(f"{options.text} is not a file; name a text file")
    text, held_out = read(options.text, CONTEXT)
    torch.set_num_threads(1)
    rates = dict.fromkeys(NAMES, options.rate) if options.rate else RATES
    results = []
    print(HEAD, flush=True)
    for name in NAMES:
        results.append(result_of(name, text, held_out, options.steps, rates[name], options.seeds))
        show(results[-1])
    print(NOTE)
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
