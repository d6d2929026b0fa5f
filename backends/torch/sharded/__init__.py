"""A layer whose expert tables lie in several processes (SPEC.md, profile ``sharded``), over ``torch.distributed``."""

from peerspec.backends.torch.sharded.files import load, save
from peerspec.backends.torch.sharded.layer import shard

__all__ = ["load", "save", "shard"]
