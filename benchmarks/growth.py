"""How many selections change when a layer grows (SPEC.md, chapter 12 and annex B).

Half scores are those of normal queries with normal sub-keys, new ones included, so all sub-keys are alike. It prints,
for each number of new sub-keys per half, the share of heads that select at least one new expert.

    python benchmarks/growth.py
"""

import numpy as np

from peerspec.reference import select_staircase

N, K, HALF, QUERIES = 1024, 16, 64, 4000
NEW = (1, 8, 32, 128)


def main() -> None:
    rng = np.random.default_rng(0)
    keys = rng.standard_normal((2, N + max(NEW), HALF), np.float32)
    queries = rng.standard_normal((2, QUERIES, HALF), np.float32)
    s1, s2 = (query @ half.T for query, half in zip(queries, keys, strict=True))
    print(f"n = {N}, k = {K}, {QUERIES} queries")
    for new in NEW:
        n = N + new
        i, j = np.divmod(select_staircase(s1[:, :n], s2[:, :n], K).indices, n)
        changed = ((i >= N) | (j >= N)).any(-1).mean()
        print(
            f"{new:4} new sub-keys per half, {2 * N * new + new**2:7} new experts: {changed:4.0%} of selections change"
        )


if __name__ == "__main__":
    main()
