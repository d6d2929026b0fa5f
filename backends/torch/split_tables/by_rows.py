"""Tables split by rows: a token goes to the processes that own rows which it selects, and their sums come back.

Each process passes its own tokens. A token goes once to each owner, with its pairs there, and gets one partial sum
from each. There is no capacity: nothing is dropped (SHD-3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from peerspec.backends.torch.experts import backward_of_stage, stage_with_products
from peerspec.backends.torch.in_backward import tables_with_receiver, wanted_tables
from peerspec.backends.torch.split_tables.collectives import gathered_numbers, swapped
from peerspec.backends.torch.split_tables.pairs import Pairs, calls, in_rectangle, touched_by
from peerspec.backends.torch.split_tables.tables import Shards, Versions, require_first_order, require_unchanged, split
from peerspec.backends.torch.table_gradients import gradients_of_rows

__all__ = ["expert_stage"]


def expert_stage(
    shards: Shards,
    tables: Sequence[Tensor | None],
    num_experts: int,
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    activation: str,
    versions: Versions,
    *,
    average_gradients: bool,
) -> Tensor:
    """y [T, M] of the tokens of this process.

    Args:
        shards: how the tables are split.
        tables: the rows of this process of u, v and w; w None for MLP experts.
        num_experts: N.
        x, ids, gates: as for ``experts.expert_stage``, of the tokens of this process; ids count all rows.
        versions: as for ``require_unchanged``.
        average_gradients: divide the gradients of the tables by the number of processes.
    """
    options = _Options(shards, num_experts, activation, versions, average_gradients)
    y: Tensor = _Stage.apply(*tables, x, gates, ids, options)  # type: ignore[no-untyped-call]  # not annotated
    return y


class _Options(NamedTuple):
    shards: Shards
    num_experts: int
    activation: str
    versions: Versions
    average: bool


class _Route(NamedTuple):
    """Where the pairs of this process go, and what it gets.

    Attributes:
        order: the pairs [T·K] by owner, then by token.
        tokens: the tokens of this process that go to each owner, one owner after the other.
        sent_tokens, sent_pairs: how many go to each process.
        received_tokens, received_pairs: how many come from each.
        counts: [sent tokens], how many pairs go with each.
    """

    order: Tensor
    tokens: Tensor
    sent_tokens: list[int]
    sent_pairs: list[int]
    received_tokens: list[int]
    received_pairs: list[int]
    counts: Tensor


def _route(shards: Shards, owners: Tensor) -> _Route:
    tokens, count = len(owners), shards.size
    slots = owners * tokens + torch.arange(tokens, device=owners.device)[:, None]
    of_slots = torch.bincount(slots.flatten(), minlength=count * tokens).view(count, tokens)
    sizes = torch.stack(((of_slots > 0).sum(1), of_slots.sum(1)), 1)
    everyone = torch.tensor(gathered_numbers(sizes.flatten(), shards.group)).view(count, count, 2)
    (sent_tokens, sent_pairs), (received_tokens, received_pairs) = (
        part.T.tolist() for part in (everyone[shards.rank], everyone[:, shards.rank])
    )
    owner, token = torch.nonzero(of_slots, as_tuple=True)
    order = owners.flatten().argsort(stable=True)
    counts = of_slots[owner, token]
    return _Route(order, token, sent_tokens, sent_pairs, received_tokens, received_pairs, counts)


class _Stage(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        u: Tensor,
        v: Tensor,
        w: Tensor | None,
        x: Tensor,
        gates: Tensor,
        ids: Tensor,
        options: _Options,
    ) -> Tensor:
        shards = options.shards
        size = split(options.num_experts, shards.size)[0]
        route = _route(shards, ids // size)
        flat = ids.flatten()[route.order]
        here = _to_owners(route, shards, x)
        pairs = Pairs(
            swapped(route.counts, route.sent_tokens, route.received_tokens, shards.group),
            swapped(flat % size, route.sent_pairs, route.received_pairs, shards.group),
            swapped(gates.flatten()[route.order], route.sent_pairs, route.received_pairs, shards.group),
        )
        partial, products = x.new_zeros(len(here), v.shape[1]), []
        for tokens, places in calls(pairs.counts):
            y, found = stage_with_products(
                (u, v, w), here[tokens], pairs.ids[places], pairs.gates[places], options.activation
            )
            partial[tokens] += y
            products.append(found)
        ctx.save_for_backward(u, v, w, here, *pairs, *products)
        ctx.received = tables_with_receiver((u, v, w))
        ctx.options, ctx.route, ctx.shape = options, route, ids.shape
        return _from_owners(route, shards, partial, len(x))

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        require_first_order()
        require_unchanged(ctx.options.versions)
        u, v, w, here, counts, ids, gates, *products = ctx.saved_tensors
        options, route = ctx.options, ctx.route
        shards, of_tables = options.shards, 2 if w is None else 3
        dy_here = _to_owners(route, shards, dy)
        dx = torch.zeros_like(here)
        factors = gates.new_zeros(1 + of_tables, len(gates))
        for (tokens, places), found in zip(calls(counts), products, strict=True):
            part, *pair_factors = backward_of_stage(
                (u, v, w), here[tokens], ids[places], gates[places], found, dy_here[tokens], options.activation
            )
            dx[tokens] += part
            for whole, own in zip(factors, pair_factors, strict=True):
                whole[places] = own
        dgates = gates.new_empty(ctx.shape)
        dgates.view(-1)[route.order] = swapped(factors[0], route.received_pairs, route.sent_pairs, shards.group)
        dx = _from_owners(route, shards, dx, ctx.shape[0])
        wanted = wanted_tables(ctx.received, (u, v, w), ctx.needs_input_grad[:3])[:of_tables]
        gradients: list[Tensor | None] = [None] * of_tables
        if any(table is not None for table in wanted):
            shape = len(here), ctx.shape[1]
            place = in_rectangle(counts, shape[1])
            weights = gates.new_zeros(of_tables, shape[0] * shape[1])
            weights[:, place] = factors[1:] / shards.size if options.average else factors[1:]
            gradients = gradients_of_rows(
                wanted,
                touched_by(ids, place, shape, len(u)),
                list(weights.view(of_tables, *shape)),
                [here, dy_here, here][:of_tables],
                sparse=False,
            )
        return *gradients, *[None] * (3 - of_tables), dx, dgates, None, None


def _to_owners(route: _Route, shards: Shards, tokens: Tensor) -> Tensor:
    """[S, width], the rows of the tokens that select rows of this process."""
    return swapped(tokens[route.tokens], route.sent_tokens, route.received_tokens, shards.group)


def _from_owners(route: _Route, shards: Shards, partial: Tensor, count: int) -> Tensor:
    """The sum over the owners, in their order, for each of ``count`` tokens of this process."""
    found = swapped(partial, route.received_tokens, route.sent_tokens, shards.group)
    total = partial.new_zeros(count, partial.shape[1])
    parts = (torch.split(tensor, route.sent_tokens) for tensor in (route.tokens, found))
    for tokens, part in zip(*parts, strict=True):
        total[tokens] += part
    return total
