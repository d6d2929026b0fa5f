"""Put PEER layers in the place of every second feed-forward block of a Llama, and train it on the bytes of a text.

    python train.py TEXT --steps 300 --output model.safetensors

The Llama is small and random; nothing is downloaded. The tables of the layers have an optimiser of rows: a step
reads and writes only the rows that it selects.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# otherwise waiting threads of torch keep the processors busy that the native core needs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from jaxtyping import Int
from safetensors.torch import save_model
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from peerspec.backends.torch import RowAdagrad, layers_metadata, peer_layers, replace_ffn
from peerspec.reference import PeerConfig, cost

WIDTH, CONTEXT, BATCH = 64, 64, 8


def decoder(layers: int = 4) -> LlamaForCausalLM:
    """A random Llama over bytes, whose feed-forward blocks are dense."""
    sizes = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
    }
    return LlamaForCausalLM(LlamaConfig(vocab_size=256, max_position_embeddings=CONTEXT, use_cache=False, **sizes))


def compare(block: nn.Module, config: PeerConfig) -> None:
    """Print the parameters of both blocks, and those that the output of one token depends on."""
    dense, ours = sum(parameter.numel() for parameter in block.parameters()), cost(config)
    print(f"{'one block':24} {'parameters':>10} {'active':>10}")
    print(f"{type(block).__name__:24} {dense:10,} {dense:10,}")
    print(f"{f'PEER, {config.num_experts:,} experts':24} {ours.parameters:10,} {ours.active_parameters:10,}")


def windows(text: Int[Tensor, " bytes"], draws: torch.Generator, count: int = BATCH) -> Int[Tensor, "count S"]:
    """Random windows of a text."""
    starts = torch.randint(len(text) - CONTEXT + 1, (count, 1), generator=draws)
    return text[starts + torch.arange(CONTEXT)].long()


@torch.no_grad()
def evaluate(model: LlamaForCausalLM, text: Int[Tensor, " bytes"]) -> float:
    """The mean loss on 64 windows, in nats per byte."""
    model.eval()
    tokens = windows(text, torch.Generator().manual_seed(0), count=64)
    loss = model(input_ids=tokens, labels=tokens).loss
    model.train()
    return loss.item()


def train(model: LlamaForCausalLM, text: Int[Tensor, " bytes"], *, steps: int, seed: int = 1) -> None:
    """Train with AdamW, and the tables with row-wise Adagrad within the backward pass."""
    tables = [table for layer in peer_layers(model).values() for table in layer.experts.parameters()]
    others = [parameter for parameter in model.parameters() if not any(parameter is table for table in tables)]
    optimisers = [RowAdagrad(tables, lr=1e-2, in_backward=True), torch.optim.AdamW(others, lr=3e-3)]
    draws = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        tokens = windows(text, draws)
        model(input_ids=tokens, labels=tokens).loss.backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--experts", type=int, default=64**2)
    parser.add_argument("--output", type=Path, help="write the model to this safetensors file at the end")
    options = parser.parse_args()
    if not options.text.is_file():
        parser.error(f"{options.text} is not a file; name a text file to train on")
    text = torch.frombuffer(bytearray(options.text.read_bytes()), dtype=torch.uint8)
    held_out = len(text) // 10
    if held_out < CONTEXT:
        sys.exit(f"{options.text} must have at least {10 * CONTEXT} bytes, got {len(text)}")

    torch.manual_seed(0)
    model = decoder()
    config = PeerConfig(WIDTH, heads=4, num_experts=options.experts, top_k=8, d_key=32, query_norm="batch")
    compare(model.model.layers[1].mlp, config)
    replaced = replace_ffn(model, "layers.*[13579].mlp", config, sparse_gradients=True)
    print("replaced", ", ".join(replaced))

    before = evaluate(model, text[-held_out:])
    train(model, text[:-held_out], steps=options.steps)
    print(f"loss {before:.2f} before, {evaluate(model, text[-held_out:]):.2f} after {options.steps} steps")
    if options.output:
        save_model(model, str(options.output), metadata=layers_metadata(model))
        print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
