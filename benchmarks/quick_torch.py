"""PyTorch's side of the time to an accuracy: the network and the schedule of a scenario, in one plain script.

``python benchmarks/quick_torch.py mnist-quick FOLDER --seed N --threads N``; the folder has the four files of MNIST.
After each epoch it prints the test accuracy. All rows are tensors in memory, and there is no DataLoader.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from torch import nn


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def convolutions() -> nn.Module:
    network = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Conv2d(6, 24, 5, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(384, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    return network.to(memory_format=torch.channels_last)


# The network, the epochs, the rows of a batch, the highest learning rate.
SCENARIOS = {"mnist-quick": (perceptron, 4, 128, 0.004), "mnist-cnn-quick": (convolutions, 2, 64, 0.01)}


def read(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalized images (rows, 1, 28, 28) and classes."""
    images, labels = (
        np.frombuffer(gzip.decompress((folder / f"{part}-{name}-ubyte.gz").read_bytes()), np.uint8, offset=skipped)
        for name, skipped in (("images-idx3", 16), ("labels-idx1", 8))
    )
    x = torch.from_numpy(images.astype(np.float32)).div_(255).sub_(0.1307).div_(0.3081)
    return x.reshape(-1, 1, 28, 28), torch.from_numpy(labels.astype(np.int64))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("scenario", choices=SCENARIOS)
    options.add_argument("folder", type=Path)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    make, epochs, batch, rate = SCENARIOS[given.scenario]
    network = make()
    x, y = read(given.folder, "train")
    test_x, test_y = read(given.folder, "t10k")
    optimizer = torch.optim.Adam(network.parameters(), rate, fused=True)
    steps = epochs * -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, cycle_momentum=False)
    for epoch in range(epochs):
        network.train()
        for chosen in torch.randperm(len(x)).split(batch):
            loss = nn.functional.cross_entropy(network(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        network.eval()
        with torch.inference_mode():
            right = (network(test_x).argmax(1) == test_y).float().mean().item()
        print(f"epoch {epoch + 1}/{epochs}  test accuracy {right:.4f}", flush=True)


if __name__ == "__main__":
    main()
