"""The adapters of a model and their parameters, by name."""

from __future__ import annotations

from torch import Tensor, nn

from peerspec.backends.torch.adapter.module import PEERAdapter
from peerspec.backends.torch.module_names import of_class

__all__ = ["adapter_parameters", "adapter_state_dict", "peer_adapters"]


def peer_adapters(model: nn.Module) -> dict[str, PEERAdapter]:
    """The adapters of a model by name, each once; the name is that of its first target, and ``adapter``.

    Example:
        >>> from peerspec.backends.torch import add_adapters
        >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        >>> names = add_adapters(model, "0", heads=2, num_experts=16, top_k=4, d_key=4)
        >>> list(peer_adapters(model))
        ['0.adapter']
    """
    return of_class(model, PEERAdapter)


def adapter_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of all adapters of a model, each once: what an optimiser gets.

    Example:
        >>> from peerspec.backends.torch import add_adapters
        >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        >>> names = add_adapters(model, "0", heads=2, num_experts=16, top_k=4, d_key=4)
        >>> len(adapter_parameters(model))
        4
    """
    found = [parameter for adapter in peer_adapters(model).values() for parameter in adapter.parameters()]
    return list(dict.fromkeys(found))


def adapter_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """The part of ``model.state_dict()`` that belongs to adapters; ``load_state_dict(..., strict=False)`` takes it.

    Example:
        >>> from peerspec.backends.torch import add_adapters
        >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        >>> names = add_adapters(model, "0", heads=2, num_experts=16, top_k=4, d_key=4)
        >>> sorted(adapter_state_dict(model))[:2]
        ['0.adapter.keys', '0.adapter.query.weight']
    """
    prefixes = tuple(f"{name}." if name else "" for name in peer_adapters(model))
    return {name: tensor for name, tensor in model.state_dict().items() if prefixes and name.startswith(prefixes)}
