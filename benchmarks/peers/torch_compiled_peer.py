"""PyTorch with the net and the loss compiled (torch.compile); the optimizer as it comes."""

import torch

from benchmarks.peers import Train, torch_peer
from benchmarks.workloads import Data, Workload


def make(workload: Workload, data: Data, threads: int) -> Train:
    return torch_peer.make(workload, data, threads, torch.compile)
