"""LoRA, the adapter of the same rank for every token, in a few lines; it is here to be compared with."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LoRA", "add_lora"]


class LoRA(nn.Module):
    """y = base(x) + up(down(x)); ``up`` starts at zero."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Float[Tensor, "*lead D"]) -> Float[Tensor, "*lead M"]:
        y: Tensor = self.base(x) + self.up(self.down(x))
        return y


def add_lora(model: nn.Module, names: list[str], rank: int) -> list[nn.Parameter]:
    """Put LoRA beside linear maps of a model, freeze everything else, and return the parameters that learn."""
    model.requires_grad_(False)
    learning: list[nn.Parameter] = []
    for name in names:
        parent, _, leaf = name.rpartition(".")
        adapted = LoRA(model.get_submodule(name), rank)  # type: ignore[arg-type]  # the names are those of linear maps
        setattr(model.get_submodule(parent), leaf, adapted)
        learning += [adapted.down.weight, adapted.up.weight]
    return learning
