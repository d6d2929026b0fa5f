"""The table of layouts in the guide on checkpoints: each conversion keeps the half scores of the stored layout."""

import re
from pathlib import Path

import pytest
import torch

TEXT = (Path(__file__).parents[2] / "docs" / "how-to-convert.md").read_text("utf-8")
h, n, d, D, T = 3, 5, 4, 6, 7

# name in the table: shape of the stored keys, layout of the rows of W, half scores from queries and keys
LAYOUTS = {
    "this specification": ((h, 2, n, d // 2), "thpc", "thpc,hpnc->pthn"),
    "PEER-pytorch": ((h, n, 2, d // 2), "tphc", "tphc,hnpc->pthn"),
    "mttl": ((h, n, 2, d // 2), "thpc", "thpc,hnpc->pthn"),
    "XLM": ((h, 2, n, d // 2), "thpc", "thpc,hpnc->pthn"),
    "facebookresearch/memory": ((2 * h * n, d // 2), "thpc", None),
}
SIZES = {"t": T, "h": h, "p": 2, "c": d // 2}


def _row(name: str) -> list[str]:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| {name}") and line.count("|") == 6)
    return [cell.strip() for cell in line.strip("|").split("|")]


def _converted(cell: str, stored: torch.Tensor, **names: torch.Tensor) -> torch.Tensor:
    expression = re.search(r"`([^`]*\(.*)`", cell)
    known = {"h": h, "n": n, "d": d, "D": D, "torch": torch, **names}
    return eval(expression[1], known) if expression else stored  # our own page


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_half_scores_of_a_stored_layout_stay_the_same(name: str) -> None:
    torch.manual_seed(0)
    shape, rows, product = LAYOUTS[name]
    keys, W, x = torch.randn(shape), torch.randn(h * d, D), torch.randn(T, D)
    if name == "this specification":
        W = W.reshape(h, d, D)
    queries = (x @ W.reshape(h * d, D).T).reshape([SIZES[axis] for axis in rows])
    if product is None:  # its source reads the flat keys as (heads, 2, n_keys, half)
        product, source_keys = "thpc,hpnc->pthn", keys.view(h, 2, -1, d // 2)
    else:
        source_keys = keys
    expected = torch.einsum(product, queries, source_keys)
    cells = _row(name)
    C, Q = _converted(cells[2], keys, keys=keys), _converted(cells[4], W, W=W)
    found = torch.einsum("thpc,hpnc->pthn", torch.einsum("hcd,td->thc", Q, x).reshape(T, h, 2, d // 2), C)
    torch.testing.assert_close(found, expected)


def test_the_router_of_doge_becomes_keys_under_an_identity() -> None:
    torch.manual_seed(0)
    router, x = torch.randn(2 * n, D), torch.randn(T, D)
    cells = _row("Doge")
    C, Q = _converted(cells[2], router, router=router), _converted(cells[4], router)
    halves = torch.einsum("hcd,td->thc", Q, x).reshape(T, 1, 2, D)
    found = torch.einsum("thpc,hpnc->tpn", halves, C)
    torch.testing.assert_close(found, (x @ router.T).reshape(T, 2, n))
