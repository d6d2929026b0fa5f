"""The mutation operators: what engineers get wrong in kernels, as changes of one node of a syntax tree.

An operator is a function from a node and its parent to the nodes that may stand in its place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

__all__ = ["OPERATORS", "guards_only"]

Changes = Iterator[ast.AST]
Operator = Callable[[ast.AST, ast.AST], Changes]

OPERATORS: dict[str, Operator] = {}
"""All operators by name, in the order in which they are applied."""


def _operator(function: Operator) -> Operator:
    OPERATORS[function.__name__.strip("_").replace("_", " ")] = function
    return function


def guards_only(node: ast.AST) -> bool:
    """Whether a statement does nothing but refuse an argument."""
    return isinstance(node, ast.If) and all(isinstance(each, ast.Raise) for each in node.body)


def _with(node: Any, **fields: Any) -> Any:
    """A copy with other fields."""
    copy = deepcopy(node)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def _expression(text: str, **parts: Any) -> Any:
    """An expression in which names stand for nodes."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> Any:
            return deepcopy(parts[node.id]) if node.id in parts else node

    return Fill().visit(ast.parse(text, mode="eval").body)


def _called(node: ast.AST) -> str:
    """The last name of the function that a node calls, or ""."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


def _is_number(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}


@_operator
def _comparison(node: ast.AST, parent: ast.AST) -> Changes:
    """Off by one, or turned round."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from (_with(node, ops=[new()]) for new in COMPARISONS.get(type(node.ops[0]), ()))


RANGES = {"range": 1, "arange": 1, "tiles": 1, "slots_of": 1, "rows_from": 2, "columns_from": 2}
"""Functions whose first arguments are bounds, and how many of them."""
MASKED = ("tiles", "slots_of")
"""Functions whose tiles are masked, so that a larger bound changes nothing."""


@_operator
def _bound(node: ast.AST, parent: ast.AST) -> Changes:
    """One more or one less: in ranges, tiles and slices."""
    limits = RANGES.get(_called(node), 0)
    for position, _ in enumerate(node.args[:limits] if limits else ()):  # type: ignore[attr-defined]
        for text in ("a - 1",) if _called(node) in MASKED else ("a - 1", "a + 1"):
            copy = deepcopy(node)
            copy.args[position] = _expression(text, a=copy.args[position])  # type: ignore[attr-defined]
            yield copy
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        yield from (_with(node, slice=part) for part in _slices(node.slice))
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        for position, each in enumerate(node.slice.elts):
            for part in _slices(each) if isinstance(each, ast.Slice) else ():
                elts = [*node.slice.elts[:position], part, *node.slice.elts[position + 1 :]]
                yield _with(node, slice=_with(node.slice, elts=elts))


def _slices(part: ast.Slice) -> Iterator[ast.Slice]:
    for text in ("a + 1", "a - 1"):
        if part.lower:
            yield _with(part, lower=_expression(text, a=part.lower))
        if part.upper:
            yield _with(part, upper=_expression(text, a=part.upper))
    if part.lower and not part.upper:
        yield _with(part, upper=ast.parse("-1", mode="eval").body)
    if part.upper and not part.lower:
        yield _with(part, lower=ast.Constant(1))


@_operator
def _tail(node: ast.AST, parent: ast.AST) -> Changes:
    """The last, incomplete tile is forgotten, or one tile too many is taken."""
    if _called(node) == "ceil_div":
        a, b = node.args  # type: ignore[attr-defined]
        yield from (_expression(text, a=a, b=b) for text in ("a // b", "a // b + 1"))


MASKS = ("inside", "mask", "counted")


@_operator
def _mask(node: ast.AST, parent: ast.AST) -> Changes:
    """A mask is dropped or inverted."""
    if _called(node) == "where" and len(node.args) == 3:  # type: ignore[attr-defined]
        condition, yes, no = node.args  # type: ignore[attr-defined]
        like = _expression("yes + 0 * no", yes=yes, no=no)
        yield from (like, _expression("np.where(~(a), yes, no)", a=condition, yes=yes, no=no))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        yield from (node.left, node.right)
    if isinstance(node, ast.Subscript) and ast.unparse(node.slice) in MASKS:
        yield from (node.value, _with(node, slice=_expression("~a", a=node.slice)))


AXES = {-1: (0, -2), 0: (1,), 1: (0,)}
REDUCTIONS = {"sum", "mean", "var", "max", "min", "concatenate", "reduceat"}
SWAPPED = {"row_stride": "column_stride", "rows": "columns", "d_model": "d_out", "n": "top_k"}
SWAPPED |= {new: old for old, new in SWAPPED.items()}


@_operator
def _stride(node: ast.AST, parent: ast.AST) -> Changes:
    """Another axis, stride, width or offset; a product that is not transposed."""
    if _called(node) in REDUCTIONS:
        yield from _other_axes(node)
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        if node.attr in SWAPPED:
            yield _with(node, attr=SWAPPED[node.attr])
        if node.attr == "T":
            yield node.value
    if _called(node) == "transposed":
        yield node.func.value  # type: ignore[attr-defined]


def _other_axes(node: Any) -> Changes:
    last = len(node.args) - 1
    for position in range(last, last + 1) if last >= 0 else ():
        for axis in AXES.get(_whole(node.args[position]), ()):
            copy = deepcopy(node)
            copy.args[position] = ast.parse(str(axis), mode="eval").body
            yield copy


def _whole(node: ast.AST) -> Any:
    """The value of a whole number that is written out."""
    try:
        return ast.literal_eval(node)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None


FLOATS = ("float32", "float16", "bfloat16")
WHOLE = {"np.int64": ("np.int32", "np.int16", "np.uint8"), "INT64": ("np.dtype(np.int32)", "np.dtype(np.int16)")}
PRODUCTS = {"einsum"}


@_operator
def _dtype(node: ast.AST, parent: ast.AST) -> Changes:
    """Fewer bits: whole numbers, operands of products in TF32 or half, and conversions that pass through fewer bits."""
    for text in WHOLE.get(ast.unparse(node), ()) if isinstance(node, ast.expr) else ():
        yield _expression(text)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        for name in ("tf32", "bfloat16", "float32"):
            parts = (_narrowed(name, part) for part in (node.left, node.right))
            yield _expression("a @ b", **dict(zip("ab", parts, strict=True)))
    if _called(node) in PRODUCTS:
        yield from (_with_narrow_operands(node, name) for name in ("tf32", "bfloat16", "float32"))
    if _called(node) == "astype":
        yield node.func.value  # type: ignore[attr-defined]
        yield from (_narrowed(name, node) for name in FLOATS)


def _narrowed(name: str, node: ast.AST) -> Any:
    return _expression(f"_narrow.{name}(a)", a=node)


def _with_narrow_operands(node: Any, name: str) -> Any:
    equation, *operands = node.args
    return _with(node, args=[equation, *(_narrowed(name, operand) for operand in operands)])


@_operator
def _accumulator(node: ast.AST, parent: ast.AST) -> Changes:
    """A sum whose parts are rounded to fewer bits."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        for name in FLOATS:
            target = _with(node.target, ctx=ast.Load())
            value = _narrowed(name, ast.BinOp(target, ast.Add(), node.value))
            yield ast.Assign([node.target], value, lineno=node.lineno)
    if _called(node) == "sum":
        yield from (_narrowed(name, node) for name in FLOATS)


CONSTANTS: dict[Any, tuple[str, ...]] = {
    0: ("1", "-1"),
    1: ("0", "2"),
    2: ("1", "3"),
    0.1: ("0.9", "0.01"),
    1e-5: ("1e-6", "1e-3", "0.0"),
}


@_operator
def _constant(node: ast.AST, parent: ast.AST) -> Changes:
    """Another number; a finite one for infinity."""
    if _is_number(node) and not isinstance(parent, ast.keyword):
        value = node.value  # type: ignore[attr-defined]
        nearby = (f"{value * 1.001!r}", "0.0") if isinstance(value, float) else (f"{value - 1}", f"{value + 1}")
        yield from map(_expression, CONSTANTS.get(value, nearby))
    if isinstance(node, ast.UnaryOp) and ast.unparse(node) == "-np.inf":
        yield from map(_expression, ("0.0", "-10000.0", "np.inf"))


BINARY = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mod,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitXor: (ast.BitOr,),
}


@_operator
def _arithmetic(node: ast.AST, parent: ast.AST) -> Changes:
    """Another arithmetic operation, a sign or a complement that is missing, or a factor that is."""
    if isinstance(node, ast.BinOp):
        yield from (_with(node, op=new()) for new in BINARY.get(type(node.op), ()))
        if isinstance(node.op, ast.Mult):
            yield from (node.left, node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert) and not _is_number(node.operand):
        yield node.operand
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        yield _with(node, op=ast.Sub())
        yield ast.Assign([node.target], node.value, lineno=node.lineno)


@_operator
def _statement(node: ast.AST, parent: ast.AST) -> Changes:
    """A statement is missing: an addition, a reset, a store, a call."""
    stored = isinstance(node, ast.Assign) and any(
        isinstance(part, ast.Subscript | ast.Attribute) for part in node.targets
    )
    if stored or isinstance(node, ast.AugAssign | ast.Expr):
        yield ast.Pass()


@_operator
def _condition(node: ast.AST, parent: ast.AST) -> Changes:
    """A condition that always or never holds, and one of two that is missing."""
    if isinstance(parent, ast.If | ast.IfExp | ast.While) and node is parent.test:
        yield from (ast.Constant(True), ast.Constant(False))
    if isinstance(node, ast.BoolOp):
        yield from node.values


COMMUTATIVE = {"maximum", "minimum", "zip", "isinstance", "max", "min", "append", "tiles", "_expression"}
OTHER_TYPE = {
    "self.dtype",
    "dtype",
    "scores1.dtype",
    "self.space",
    "SPACE",
    "space",
    "INT64",
    "self",
    "config",
    "layer",
    "name",
}
"""Arguments that cannot be taken for another one: the call would only raise."""


@_operator
def _argument(node: ast.AST, parent: ast.AST) -> Changes:
    """Two neighbouring arguments are swapped, or the two parts of a result."""
    if isinstance(node, ast.Call) and _called(node) not in COMMUTATIVE:
        for position in range(len(node.args) - 1):
            first, second = node.args[position : position + 2]
            if not any(_cannot_move(part) for part in (first, second)):
                args = [*node.args[:position], second, first, *node.args[position + 2 :]]
                yield _with(node, args=args)
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2:
        yield ast.Return(_with(node.value, elts=node.value.elts[::-1]))


def _cannot_move(part: ast.AST) -> bool:
    return isinstance(part, ast.Starred | ast.Constant | ast.JoinedStr | ast.Lambda) or ast.unparse(part) in OTHER_TYPE


@_operator
def _cache_key(node: ast.AST, parent: ast.AST) -> Changes:
    """A key of stored values that lacks a part, and content of which only the beginning counts."""
    of_name = isinstance(parent, ast.Assign) and [ast.unparse(part) for part in parent.targets] == ["key"]
    of_buffers = _called(parent) == "get" or (
        isinstance(parent, ast.Subscript) and "buffers" in ast.unparse(parent.value)
    )
    if isinstance(node, ast.Tuple) and len(node.elts) > 1 and (of_name or of_buffers):
        yield from (_with(node, elts=node.elts[:i] + node.elts[i + 1 :]) for i in range(len(node.elts)))
    if _called(node) == "blake2b":
        yield _with(node, args=[_expression("a[:64]", a=node.args[0])])  # type: ignore[attr-defined]


@_operator
def _copy(node: ast.AST, parent: ast.AST) -> Changes:
    """A copy is not made."""
    if _called(node) == "copy":
        yield node.func.value  # type: ignore[attr-defined]
    if _called(node) == "ascontiguousarray":
        yield node.args[0]  # type: ignore[attr-defined]
    if isinstance(node, ast.Call) and any(each.arg == "copy" for each in node.keywords):
        others = [each for each in node.keywords if each.arg != "copy"]
        yield _with(node, keywords=[*others, ast.keyword("copy", ast.Constant(False))])


@_operator
def _sort(node: ast.AST, parent: ast.AST) -> Changes:
    """A sort that is not stable, or leaves equal values in the opposite order."""
    if _called(node) == "argsort":
        yield _with(node, keywords=[each for each in node.keywords if each.arg != "kind"])  # type: ignore[attr-defined]
        yield _with(node, func=_expression("_narrow.argsort_ties_reversed"))


EXTREMES = {"maximum": "minimum", "max": "min"} | {"minimum": "maximum", "min": "max"}


@_operator
def _extreme(node: ast.AST, parent: ast.AST) -> Changes:
    """The smaller for the larger, and the other way round, or one of two alone."""
    if name := EXTREMES.get(_called(node)):
        func = node.func  # type: ignore[attr-defined]
        yield _with(node, func=_with(func, attr=name) if isinstance(func, ast.Attribute) else _with(func, id=name))
        if len(node.args) == 2:  # type: ignore[attr-defined]
            yield from node.args  # type: ignore[attr-defined]


INDICES = {"head", "side", "owner", "rows", "row", "columns", "slots", "at", "ids", "i", "j", "a", "b"}


@_operator
def _index(node: ast.AST, parent: ast.AST) -> Changes:
    """The first for the current one: of heads, sides, tiles, rows."""
    used = isinstance(parent, ast.Call) or (isinstance(parent, ast.Subscript) and node is parent.slice)
    inside = isinstance(parent, ast.Tuple | ast.BinOp)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in INDICES and (used or inside):
        yield _expression("a * 0", a=node)
