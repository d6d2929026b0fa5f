"""Teach a Llama a second text by adapters alone: PEER beside LoRA of as many active parameters.

    python train.py FIRST SECOND --output adapters.safetensors --plot adapters.svg

A small random Llama of the package transformers learns the bytes of the first text; nothing is downloaded. Then it is
frozen, and adapters beside its attention and its feed-forward networks learn the second text: PEER, where each token
picks its adapters from a pool, and LoRA, which has one for all tokens. The program prints the loss on both texts, the
parameters, memory and time of both, writes the PEER adapters alone to a file, and loads them beside the frozen Llama.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# otherwise waiting threads of torch keep the processors busy that the native core needs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from jaxtyping import Int
from lora import add_lora
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from peerspec.backends.torch import (
    adapter_parameters,
    add_adapters,
    load_adapters,
    peer_adapters,
    remove_adapters,
    save_adapters,
)

WIDTH, INNER, LAYERS, CONTEXT, BATCH, EVERY = 128, 256, 3, 64, 8, 20
GROUPS = (["q_proj", "k_proj", "v_proj"], ["gate_proj", "up_proj"])
"""Linear maps that read the same input, so that one selection serves them."""
POOL = {"heads": 2, "num_experts": 32**2, "top_k": 4, "d_key": 32, "rank": 1}
RATES = {"PEER": 3e-3, "LoRA": 3e-3}
"""For each the best of 1e-3, 3e-3 and 1e-2."""
Text = Int[torch.Tensor, " bytes"]
Curve = list[tuple[int, float, float]]
"""Steps on the second text, with the losses on the first and on the second."""


class Row(NamedTuple):
    """What the table says of one way to adapt."""

    name: str
    parameters: int
    active: int
    seconds: float
    curve: Curve


def decoder() -> LlamaForCausalLM:
    """A random Llama over bytes."""
    sizes = {
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
    }
    return LlamaForCausalLM(LlamaConfig(vocab_size=256, max_position_embeddings=CONTEXT, use_cache=False, **sizes))


def read(path: Path) -> tuple[Text, Text]:
    """The text for training, and its last tenth, held out."""
    text = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    held_out = len(text) // 10
    if held_out < CONTEXT:
        sys.exit(f"{path} must have at least {10 * CONTEXT + 10} bytes, got {len(text)}")
    return text[:-held_out], text[-held_out:]


def windows(text: Text, draws: torch.Generator, count: int = BATCH) -> Int[torch.Tensor, "count S"]:
    """Random windows of a text."""
    starts = torch.randint(len(text) - CONTEXT + 1, (count, 1), generator=draws)
    return text[starts + torch.arange(CONTEXT)].long()


@torch.no_grad()
def evaluate(model: LlamaForCausalLM, text: Text) -> float:
    """The mean loss on 64 windows that are always the same, in nats per byte."""
    tokens = windows(text, torch.Generator().manual_seed(0), 64)
    return model(input_ids=tokens, labels=tokens).loss.item()


def train(
    model: LlamaForCausalLM, parameters: list[nn.Parameter], text: Text, steps: int, rate: float, watched: list[Text]
) -> tuple[Curve, float]:
    """The losses on the watched texts over the steps, and the seconds of the steps alone."""
    optimiser, draws = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0), torch.Generator().manual_seed(1)
    curve, seconds = [(0, *(evaluate(model, each) for each in watched))], 0.0
    for step in range(1, steps + 1):
        begun = time.perf_counter()
        tokens = windows(text, draws)
        model(input_ids=tokens, labels=tokens).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        seconds += time.perf_counter() - begun
        if step % EVERY == 0 or step == steps:
            curve.append((step, *(evaluate(model, each) for each in watched)))
    return curve, seconds


def active_parameters(model: nn.Module) -> int:
    """The parameters of adapters on which the output of one token depends: the router, and h·k·r rows of each table."""
    found = 0
    for adapter in peer_adapters(model).values():
        config = adapter.config
        rows = config.heads * config.top_k * config.rank
        router = sum(p.numel() for name, p in adapter.named_parameters() if not name.startswith("targets."))
        found += router + rows * sum(config.d_model + width for width in config.targets.values())
    return found


def with_peer(model: LlamaForCausalLM) -> list[str]:
    """Put PEER adapters beside the linear maps, and return their names."""
    return [name for group in GROUPS for name in add_adapters(model, group, **POOL)]


def count(parameters: list[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def show(rows: list[Row], first: float, second: float) -> None:
    """The table. AdamW keeps two numbers for each parameter, beside the parameter and its gradient."""
    print(f"{'':6} {'first text':>14} {'second text':>14} {'parameters':>11} {'active':>8} {'memory':>8} {'time':>7}")
    for row in rows:
        _, first_after, second_after = row.curve[-1]
        losses = f"{first:5.2f} → {first_after:5.2f} {second:6.2f} → {second_after:5.2f}"
        memory = f"{16 * row.parameters / 2**20:,.0f} MiB"
        print(
            f"{row.name:6}  {losses} {row.parameters:11,} {row.active:8,} {memory:>8} {row.seconds:5.0f} s", flush=True
        )


def plot(rows: list[Row], path: Path) -> None:
    """Both losses over the steps on the second text."""
    from matplotlib.figure import Figure

    from peerspec.plots import LIGHT, save

    figure = Figure(figsize=(9, 3.4), layout="constrained", facecolor=LIGHT.page)
    for axes, column, title in zip(
        figure.subplots(1, 2, sharey=True), (1, 2), ("first text", "second text"), strict=True
    ):
        for row, colour in zip(rows, (LIGHT.main, LIGHT.other), strict=True):
            axes.plot([at[0] for at in row.curve], [at[column] for at in row.curve], color=colour, label=row.name, lw=2)
        axes.set_title(f"loss on the {title}, held out", loc="left", fontsize=10)
        axes.set_xlabel("steps on the second text")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("nats per byte")
    figure.axes[1].legend(frameon=False, fontsize=9)
    save(figure, path, overwrite=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--steps", type=int, default=400, help="on each text")
    parser.add_argument("--output", type=Path, help="write the PEER adapters to this safetensors file")
    parser.add_argument("--plot", type=Path, help="write the curves to this picture, .svg or .png")
    options = parser.parse_args()
    for path in (options.first, options.second):
        if not path.is_file():
            parser.error(f"{path} is not a file; name two text files")
    first, second = read(options.first), read(options.second)
    watched = [first[1], second[1]]

    torch.manual_seed(0)
    base = decoder()
    curve, _ = train(base, list(base.parameters()), first[0], options.steps, 3e-3, watched)
    before = curve[-1][1:]
    print(
        f"Llama of {count(list(base.parameters())):,} parameters: first text {curve[0][1]:.2f} → {before[0]:.2f}",
        flush=True,
    )

    model = copy.deepcopy(base)
    names = with_peer(model)
    learning, active = adapter_parameters(model), active_parameters(model)
    curve, seconds = train(model, learning, second[0], options.steps, RATES["PEER"], watched)
    rows = [Row("PEER", count(learning), active, seconds, curve)]

    other = copy.deepcopy(base)
    widths = sum(base.get_submodule(name).weight.shape[0] + base.get_submodule(name).weight.shape[1] for name in names)
    learning = add_lora(other, names, rank=round(active / widths))
    curve, seconds = train(other, learning, second[0], options.steps, RATES["LoRA"], watched)
    rows.append(Row("LoRA", count(learning), count(learning), seconds, curve))
    show(rows, *before)

    with tempfile.TemporaryDirectory() as folder:
        path = options.output or Path(folder, "adapters.safetensors")
        save_adapters(model, path, overwrite=True)
        loaded = copy.deepcopy(base)
        load_adapters(loaded, path)
        size, loss = path.stat().st_size / 2**20, evaluate(loaded, second[1])
        print(f"a file of {size:.0f} MiB, loaded beside the Llama: {loss:.2f}")
    remove_adapters(loaded)
    print(f"without adapters again: first text {evaluate(loaded, first[1]):.2f}")
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
