"""Train a layer whose experts lie in all processes of a job, and go on from its last checkpoint.

    torchrun --nproc-per-node 2 examples/sharded/train.py run

On several machines, run the same command on each with ``--nnodes``, ``--rdzv-backend c10d`` and ``--rdzv-endpoint``;
the folder ``run`` lies on storage that all of them see. The number of processes may change between two runs.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed import checkpoint
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel

from peerspec import PeerConfig
from peerspec.backends.torch import PEER, RowAdagrad
from peerspec.backends.torch.sharded import save, shard

TOKENS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="checkpoints, and the layer at the end")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--every", type=int, default=10, help="steps between two checkpoints")
    parser.add_argument("--num-experts", type=int, default=256**2)
    options = parser.parse_args()

    # a process that does not answer for so long ends the job
    distributed.init_process_group(timeout=timedelta(seconds=30))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    rank, count = distributed.get_rank(), distributed.get_world_size()
    mesh = init_device_mesh(device, (count,))

    torch.manual_seed(0)
    config = PeerConfig(d_model=64, heads=4, num_experts=options.num_experts, top_k=8, d_key=32)
    model = nn.Sequential(nn.Linear(64, 64), PEER(config)).to(device)
    layer = shard(model[1], mesh)
    tables = list(layer.experts.parameters())
    names = [name for name, _ in model.named_parameters() if ".experts." in name]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)  # they are no replicas
    replica = DistributedDataParallel(model)
    others = [parameter for parameter in model.parameters() if not any(parameter is table for table in tables)]
    optimisers = [RowAdagrad(tables, lr=0.1, in_backward=True), torch.optim.Adam(others, lr=1e-2)]

    first = _resume(options.folder, model, optimisers)
    for step in range(first, options.steps):
        x = torch.randn(TOKENS, 64, generator=torch.Generator().manual_seed(step * count + rank)).to(device)
        loss = (replica(x) - x.roll(1, -1)).square().mean()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        total = loss.detach().clone()
        distributed.all_reduce(total)
        if rank == 0:
            print(f"step {step + 1}: loss {float(total) / count:.4f}", flush=True)
        if (step + 1) % options.every == 0:
            _checkpoint(options.folder, step + 1, model, optimisers)
    save(layer, options.folder / "layer.safetensors", overwrite=True)
    distributed.barrier()
    time.sleep(0.1)  # threads of gloo release tensors; one that still did when the interpreter ends would abort it
    distributed.destroy_process_group()


def _checkpoint(folder: Path, step: int, model: nn.Module, optimisers: list[torch.optim.Optimizer]) -> None:
    """Write a checkpoint beside the last one, and name it when it is whole."""
    parameters, states = get_state_dict(model, optimisers)
    checkpoint.save({"model": parameters, "optimisers": states}, checkpoint_id=str(folder / f"step-{step}.part"))
    if distributed.get_rank() == 0:
        (folder / f"step-{step}.part").rename(folder / f"step-{step}")
    distributed.barrier()


def _resume(folder: Path, model: nn.Module, optimisers: list[torch.optim.Optimizer]) -> int:
    """Load the last whole checkpoint, and return its number of steps; 0 if there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    last = max((int(path.name[5:]) for path in folder.glob("step-*") if path.suffix != ".part"), default=0)
    if last:
        parameters, states = get_state_dict(model, optimisers)
        whole = {"model": parameters, "optimisers": states}
        checkpoint.load(whole, checkpoint_id=str(folder / f"step-{last}"))
        set_state_dict(model, optimisers, model_state_dict=whole["model"], optim_state_dict=whole["optimisers"])
    return last


if __name__ == "__main__":
    main()
