#!/usr/bin/env python3
"""Trains a small network on all workers. It knows what every script for torchrun knows: RANK,
WORLD_SIZE, MASTER_ADDR and MASTER_PORT, a checkpoint of its own, and that SIGTERM asks it to save.

The samples of a step are those of its number, and gradients are sums over all of them in double
precision. So the result does not depend on how many workers there are, nor on when their number
changes, but for the rounding of sums in another order.
"""
import argparse
import os
import signal

import torch
import torch.distributed as dist

INPUTS, HIDDEN, BATCH = 16, 96, 480


def batch_of(step, rank, workers):
    """This worker's part of the samples of a step: every `workers`-th of them."""
    source = torch.Generator().manual_seed(step)
    x = torch.randn(BATCH, INPUTS, generator=source, dtype=torch.float64)
    y = torch.sin(x[:, :1] * 2) + x[:, 1:2] * x[:, 2:3]
    return x[rank::workers], y[rank::workers]


def save(path, step, model, optimizer, loss):
    """All or nothing: whoever is ended in the midst of it leaves the last checkpoint as it was."""
    torch.save({"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "loss": loss},
               path + ".new")
    os.replace(path + ".new", path)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--checkpoint", required=True)
    options.add_argument("--steps", type=int, default=500)
    options = options.parse_args()

    asked_to_end = False

    def ask_to_end(*_):
        nonlocal asked_to_end
        asked_to_end = True

    signal.signal(signal.SIGTERM, ask_to_end)
    dist.init_process_group("gloo")
    rank, workers = dist.get_rank(), dist.get_world_size()

    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(INPUTS, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, HIDDEN),
                                torch.nn.Tanh(), torch.nn.Linear(HIDDEN, 1)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    first, loss = 0, None
    if os.path.exists(options.checkpoint):
        saved = torch.load(options.checkpoint)
        first, loss = saved["step"], saved["loss"]
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    if rank == 0:
        print(f"training from step {first} with {workers} workers", flush=True)

    for step in range(first + 1, options.steps + 1):
        x, y = batch_of(step, rank, workers)
        optimizer.zero_grad()
        error = torch.nn.functional.mse_loss(model(x), y, reduction="sum") / BATCH
        error.backward()
        # One sum for the gradients, the loss, and whether anyone was asked to end: so all workers
        # end after the same step.
        gradients = [p.grad.flatten() for p in model.parameters()]
        flat = torch.cat(gradients + [error.detach().view(1), torch.tensor([float(asked_to_end)], dtype=torch.float64)])
        dist.all_reduce(flat)
        parts = flat.split([g.numel() for g in gradients] + [1, 1])
        for parameter, part in zip(model.parameters(), parts):
            parameter.grad.copy_(part.view_as(parameter))
        optimizer.step()
        loss = parts[-2].item()
        is_last = step == options.steps or parts[-1].item() > 0
        if rank == 0 and (step % 10 == 0 or is_last):
            save(options.checkpoint, step, model, optimizer, loss)
            print(f"step {step} loss {loss:.6f}", flush=True)
        if is_last:
            break
    dist.barrier()


if __name__ == "__main__":
    main()
