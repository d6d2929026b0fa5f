"""The configurations of the cases of the profile ``core``.

Sizes are pairwise different and mostly coprime, so that a swapped axis changes a shape or a value. Many cases share
few shapes, because a compiling framework compiles each new shape.
"""

from dataclasses import replace

from peerspec.reference import PeerConfig

__all__ = [
    "ALIKE", "BEYOND", "DEEP", "EVEN", "IDENTITY", "LONE", "LONG", "MILLION", "PAIRS", "POOL",
    "RELU", "SINGLE", "SMALL", "SQUARE", "TALL", "UNIT", "WHOLE", "WIDE",
]  # fmt: skip

UNIT = PeerConfig(12, 3, 1, 1, 4, activation="identity")
"""One expert: its score is the inner product of the whole query with one pair of sub-keys."""
WHOLE = PeerConfig(7, 2, 25, 25, 6, d_out=5, activation="identity")
"""k = N: every score is returned."""
SINGLE = PeerConfig(7, 1, 25, 1, 6, d_out=5, activation="identity")
"""One head and one expert with gate 1: y is the output of this expert."""
SMALL = PeerConfig(7, 2, 25, 4, 6, d_out=5)
"""The shape of most cases."""
RELU, IDENTITY = replace(SMALL, activation="relu"), replace(SMALL, activation="identity")
WIDE = PeerConfig(33, 5, 47**2, 9, 26, d_out=10)
"""N = 2209 is more than the 2048 consecutive integers of float16; all other sizes exceed one or two SIMD vectors."""
EVEN = PeerConfig(20, 2, 100, 4, 20, d_out=12)
"""Even sizes that are no multiples of 8, in D, M, n and d/2."""
LONG = PeerConfig(7, 2, 67**2, 48, 6, d_out=5, activation="relu")
"""32 < k ≤ n."""
ALIKE = PeerConfig(7, 2, 256**2, 16, 6, d_out=5, activation="relu")
"""n is a multiple of 64, so that tiles of sub-keys can be alike."""
DEEP = PeerConfig(7, 2, 16, 7, 6, d_out=5)
"""k > n."""
POOL = PeerConfig(1, 1, 260**2, 1, 2, d_out=7, activation="identity")
"""n needs more than 8 bits and N more than 16; D = d/2 = 1 and M > D."""
MILLION = PeerConfig(3, 2, 1024**2, 16, 4, d_out=2, activation="relu")
BEYOND = PeerConfig(2, 1, 4100**2, 8, 2, d_out=1, activation="relu")
"""N > 2²⁴: float32 does not hold every id."""
TALL = PeerConfig(1031, 1, 36**2, 35, 274, d_out=131, activation="relu")
"""Each size exceeds a usual tile: D > 1024, k > 32, N > 1024, d/2 > 128, M > 128."""
LONE = PeerConfig(261, 1, 16, 1, 4, activation="relu")
"""One expert for each token, D = M > 256."""
PAIRS = PeerConfig(5, 17, 263**2, 67, 6, d_out=1, activation="relu")
"""More than 1024 pairs for each token: h > 16, k > 64, n > 256; M = 1."""
SQUARE = PeerConfig(16, 8, 64, 8, 16, activation="relu")
"""D = M = d and, with 8 tokens, T = h = k = n = d/2: a swapped axis keeps the shape, and no tile is partly filled."""
