"""PyTorch with the net and the loss compiled (torch.compile); the optimizer as it comes."""

from functools import partial

import torch

from ..workloads import Data, Workload
from . import Train, torch_peer


def make(workload: Workload, data: Data, threads: int) -> Train:
    # For these sizes alone, as if this net were the process's first: else a second net is compiled for any size, and a ninth not at all.
    torch._dynamo.reset()
    return torch_peer.make(workload, data, threads, partial(torch.compile, dynamic=False))
