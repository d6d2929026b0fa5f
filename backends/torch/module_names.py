"""The modules of a model that a user means, by patterns over their qualified names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from torch import nn

from peerspec.files.shown import printable, shown
from peerspec.reference import InputError

__all__ = ["Pattern", "Where", "matching", "modules_of", "of_class"]

Pattern = str | re.Pattern[str]
Module = TypeVar("Module", bound=nn.Module)
Where = Pattern | Sequence[Pattern] | Callable[[str, nn.Module], bool]


_LENGTH = 300
"""Characters of the names of others that a message shows."""


def modules_of(model: nn.Module) -> dict[str, nn.Module]:
    """All modules of a model, itself included, by every name that each has.

    Raises:
        InputError: ``model`` is no module.

    Example:
        >>> list(modules_of(nn.Sequential(nn.Identity())))
        ['', '0']
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model must be a torch.nn.Module, got {type(model).__name__}; pass the model itself")
    return dict(model.named_modules(remove_duplicate=False))


def of_class(model: nn.Module, kind: type[Module]) -> dict[str, Module]:
    """The modules of one class in a model by name, each once.

    Raises:
        InputError: ``model`` is no module.

    Example:
        >>> list(of_class(nn.Sequential(nn.Identity(), nn.ReLU()), nn.ReLU))
        ['1']
    """
    seen: dict[Module, str] = {}
    for name, module in modules_of(model).items():
        if isinstance(module, kind):
            seen.setdefault(module, name)
    return {name: module for module, name in seen.items()}


def matching(model: nn.Module, where: Where) -> dict[str, nn.Module]:
    """The modules within a model that ``where`` names, by every name that it names.

    Args:
        model: the model, which is none of the modules itself.
        where: as for ``replace_ffn``.

    Raises:
        InputError: ``model`` is no module, or has none within; ``where``, or one of its patterns, matches no module, or
            is of another type.

    Example:
        >>> model = nn.ModuleDict({"blocks": nn.ModuleList(nn.ModuleDict({"mlp": nn.Identity()}) for _ in range(3))})
        >>> list(matching(model, "mlp"))
        ['blocks.0.mlp', 'blocks.1.mlp', 'blocks.2.mlp']
        >>> list(matching(model, ["[02].mlp"])) == list(matching(model, re.compile(r"blocks\\.[02]\\.mlp")))
        True
    """
    modules = {name: module for name, module in modules_of(model).items() if name}
    if not modules:
        raise InputError(f"this {type(model).__name__} has no modules within; pass the model that holds it")
    if callable(where):
        matched = {name for name, module in modules.items() if where(name, module)}
        if not matched:
            raise InputError(
                f"where is true of no module of {type(model).__name__}; print named_modules() of the model"
            )
    else:
        matched = {name for pattern in _patterns(where) for name in _matched(pattern, modules, model)}
    return {name: module for name, module in modules.items() if name in matched}


def _patterns(where: Any) -> list[Pattern]:
    patterns = [where] if isinstance(where, str | re.Pattern) else where
    if not isinstance(patterns, Sequence) or not patterns or not all(map(_is_pattern, patterns)):
        raise InputError(
            f"where must be a pattern, a sequence of patterns, or a function of name and module, got {shown(where)}; a "
            "pattern is a str or a compiled regular expression"
        )
    return list(patterns)


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, re.Pattern) and isinstance(value.pattern, str))


def _matched(pattern: Pattern, modules: dict[str, nn.Module], model: nn.Module) -> list[str]:
    matched = [name for name in modules if _matches(pattern, name)]
    if not matched:
        lasts = sorted({last for name in modules if not (last := name.rpartition(".")[2]).isdecimal()})
        raise InputError(
            f"no module of {type(model).__name__} matches {shown(pattern)}; a str must match the last parts of a name, "
            f"a compiled regular expression all of it; here names end in {printable(', '.join(lasts))[:_LENGTH]}"
        )
    return matched


def _matches(pattern: Pattern, name: str) -> bool:
    """Whether a glob matches the last parts of a name, one by one, or a regular expression all of it."""
    if isinstance(pattern, str):
        parts, globs = name.split("."), pattern.split(".")
        return len(globs) <= len(parts) and all(map(fnmatchcase, parts[-len(globs) :], globs))
    return pattern.fullmatch(name) is not None
