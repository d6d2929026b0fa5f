"""Signatures as the source writes them: shapes stay readable, and names that the site documents are links."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable
from enum import Enum
from typing import Any, ForwardRef, get_origin

import numpy as np
import numpy.typing as np_typing
from docutils import nodes
from public_names import public_name, public_path
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment

__all__ = ["setup"]

_HOMES = re.compile(r"\b(typing|collections\.abc|jaxtyping|jaxlib\._jax)\.")
_OWN = re.compile(r"\bpeerspec(?:\.\w+)*\.(\w+)")
_WORDS = re.compile(r"""("[^"]*"|'[^']*')|\b([A-Za-z_][\w.]*)""")


def written_signature(_: Sphinx, what: str, name: str, thing: Any, *__: Any) -> tuple[str, str] | None:
    """The signature with annotations such as ``Float[np.ndarray, "T h d"]`` instead of the classes they make."""
    if what not in ("class", "exception", "function", "method"):
        return None
    if isinstance(thing, type) and (issubclass(thing, Enum) or getattr(thing, "_is_protocol", False)):
        return "", ""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return None
    names = _names_of(thing)
    bound = what == "method" and next(iter(signature.parameters), "") in ("self", "cls")
    parts = [_parameter(one, names) for one in list(signature.parameters.values())[bound:]]
    shown = ", ".join(_with_marks(list(signature.parameters.values())[bound:], parts))
    result = signature.return_annotation
    return f"({shown})", "" if result is inspect.Signature.empty or what == "class" else _annotation(result, names)


def _with_marks(parameters: list[inspect.Parameter], parts: list[str]) -> list[str]:
    """The parameters with the star before those that need their name."""
    keyword_only = [one.kind is inspect.Parameter.KEYWORD_ONLY for one in parameters]
    starred = any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters)
    if True not in keyword_only or starred:
        return parts
    at = keyword_only.index(True)
    return [*parts[:at], "*", *parts[at:]]


def _parameter(one: inspect.Parameter, names: dict[str, Any]) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(one.kind, "")
    text = stars + one.name
    if one.annotation is not inspect.Parameter.empty:
        text += f": {_annotation(one.annotation, names)}"
    if one.default is not inspect.Parameter.empty:
        text += f" = {_default(one.default)}"
    return text


def _default(value: Any) -> str:
    """The default as code; a class such as ``jnp.float32`` by its name, a value made at each call as ``...``."""
    if repr(value) == "<factory>":
        return "..."
    return value.__name__ if isinstance(value, type) or callable(value) else repr(value)


def _annotation(annotation: Any, names: dict[str, Any]) -> str:
    """The annotation of the source, in which public names are whole, so that Sphinx links them."""
    text = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
    text = text if isinstance(text, str) else inspect.formatannotation(text)
    return _WORDS.sub(lambda found: found[1] or _word(found[2], names), text)


def _word(word: str, names: dict[str, Any]) -> str:
    """A public name in whole; what stands for a private alias such as ``Body``; any other word as it is."""
    value = names.get(word)
    if public := public_name(value):
        return public
    is_shape = isinstance(value, type) and "[" in value.__name__
    if hasattr(np_typing, word) or not (is_shape or get_origin(value)):
        return word
    return value.__name__ if is_shape else _shortened(value)


def _shortened(alias: Any) -> str:
    """What an alias stands for, without the modules of its parts, except of those that the site documents."""
    if get_origin(alias) is np.ndarray:
        return "NDArray[Any]"
    return _OWN.sub(lambda found: public_path(found[0]) or found[1], _HOMES.sub("", inspect.formatannotation(alias)))


def _names_of(thing: Any) -> dict[str, Any]:
    """The names that the source of a function or a class sees."""
    function: Callable[..., Any] = inspect.unwrap(thing.__init__ if isinstance(thing, type) else thing)
    module = inspect.getmodule(thing)
    return vars(builtins) | (vars(module) if module else getattr(function, "__globals__", {}))


def other_package(_: Sphinx, __: BuildEnvironment, node: nodes.Element, shown: nodes.Element) -> nodes.Element | None:
    """Show a type that another package, or a private module, defines without a link; a name of peerspec must exist."""
    if node.get("refdomain") != "py" or str(node["reftarget"]).startswith("peerspec"):
        return None
    whole = (part[0] for part in node.findall(addnodes.pending_xref_condition) if part["condition"] == "*")
    return next(whole, shown)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both. What Sphinx calls variables are the attributes of a class."""
    for kind in PyObject.doc_field_types:
        if kind.name == "variable":
            kind.label = "Attributes"
    app.connect("autodoc-process-signature", written_signature)
    app.connect("missing-reference", other_package)
    return {"parallel_read_safe": True}
