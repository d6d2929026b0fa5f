"""Signatures as the source writes them: shapes stay readable, and names that the site documents are links."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable
from typing import Any

from docutils import nodes
from public_names import public_name
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment

__all__ = ["setup"]

_WORDS = re.compile(r"""("[^"]*"|'[^']*')|\b([A-Za-z_][\w.]*)""")


def written_signature(_: Sphinx, what: str, name: str, thing: Any, *__: Any) -> tuple[str, str] | None:
    """The signature with annotations such as ``Float[np.ndarray, "T h d"]`` instead of the classes they make."""
    if what not in ("class", "exception", "function", "method"):
        return None
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
    """The default as code; a class such as ``jnp.float32`` by its name."""
    return value.__name__ if isinstance(value, type) or callable(value) else repr(value)


def _annotation(annotation: Any, names: dict[str, Any]) -> str:
    """The annotation of the source, in which public names are whole, so that Sphinx links them."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return _WORDS.sub(lambda found: found[1] or (public_name(_value(found[2], names)) or found[2]), text)


def _value(word: str, names: dict[str, Any]) -> Any:
    return names.get(word)


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
