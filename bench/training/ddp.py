"""The cnn of `bourse train` with PyTorch's DistributedDataParallel over Gloo: images per second.

Usage: ddp.py RANK WORLD PORT BATCH STEPS. BATCH is that of all processes together, which must be of one machine.
"""

import gzip
import os
import sys
import time

rank, world, port, batch, steps = (int(argument) for argument in sys.argv[1:])
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")

import numpy
import torch
import torch.distributed
from torch import nn

FOLDER = "/usr/share/datasets/fashion-mnist/train"


def read(name, header):
    with gzip.open(FOLDER + name) as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=header)


torch.set_num_threads(1)
torch.manual_seed(1)
pixels = torch.from_numpy(read("-images-idx3-ubyte.gz", 16).copy()).view(-1, 1, 28, 28)
labels = torch.from_numpy(read("-labels-idx1-ubyte.gz", 8).copy()).long()
mean, deviation = 72.94, 90.02

torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
model = nn.parallel.DistributedDataParallel(
    nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d((4, 4)),
        nn.Flatten(), nn.Linear(64 * 16, 10),
    )
)
optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
order = torch.randperm(len(labels))
share = batch // world
begun = 0.0
WARM = 10
for step in range(steps + WARM):
    if step == WARM:
        torch.distributed.barrier()
        begun = time.monotonic()
    at = (step * batch + rank * share) % (len(labels) - share)
    places = order[at:at + share]
    images = (pixels[places].float() - mean) / deviation
    optimiser.zero_grad()
    nn.functional.cross_entropy(model(images), labels[places]).backward()
    optimiser.step()
torch.distributed.barrier()
if rank == 0:
    print(f"{steps * batch / (time.monotonic() - begun):.0f}")
