"""Tools of accelerate around a model with this layer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator, cpu_offload, disk_offload
from torch import nn

from peerspec.backends.torch import PEER, RowAdagrad
from peerspec.reference import PeerConfig

CONFIG = PeerConfig(12, 2, 49, 4, 6, query_norm="batch", expert="glu")


def model_of() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 12), PEER(CONFIG))


@pytest.mark.stack(
    "torch", "accelerate", "`cpu_offload`, `disk_offload`: weights that are elsewhere while a module rests"
)
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_offloaded_weights_come_back_for_each_module(where: str, tmp_path: Path) -> None:
    model, x = model_of().eval(), torch.randn(5, 12)
    right = model(x).detach()
    if where == "memory":
        cpu_offload(model, execution_device=torch.device("cpu"), offload_buffers=True)
    else:
        disk_offload(model, str(tmp_path), execution_device=torch.device("cpu"), offload_buffers=True)
    assert model[1].experts.u.is_meta
    with torch.no_grad():
        assert torch.equal(model(x), right)
    assert model[1].experts.u.is_meta


@pytest.mark.stack("torch", "accelerate", "`Accelerator.prepare`, `backward` and `accumulate`, an optimiser of rows")
def test_a_prepared_model_learns_what_a_plain_one_learns() -> None:
    accelerator, learned = Accelerator(cpu=True, gradient_accumulation_steps=2), []
    for prepared in (False, True):
        model = model_of()
        tables = list(model[1].experts.parameters())
        others = [parameter for parameter in model.parameters() if not any(parameter is table for table in tables)]
        optimisers = [RowAdagrad(tables, lr=0.1), torch.optim.SGD(others, lr=0.1)]
        run: nn.Module = model
        if prepared:
            run, *optimisers = accelerator.prepare(model, *optimisers)
        for number in range(4):
            x = torch.randn(5, 12, generator=torch.Generator().manual_seed(number))
            if prepared:
                with accelerator.accumulate(run):
                    accelerator.backward(run(x).square().mean())
                    for optimiser in optimisers:
                        optimiser.step()
                        optimiser.zero_grad()
            else:
                (run(x).square().mean() / 2).backward()
                if number % 2:
                    for optimiser in optimisers:
                        optimiser.step()
                        optimiser.zero_grad()
        learned.append({name: tensor.detach().clone() for name, tensor in model.state_dict().items()})
    for name, tensor in learned[0].items():
        assert torch.equal(learned[1][name], tensor)
