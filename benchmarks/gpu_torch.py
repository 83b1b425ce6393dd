"""PyTorch's side on a GPU in each comparison: resident rows and orders, float32 without TF32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import problems
import torch
from torch import nn
from torch_networks import dense_stack

MODES = ("fused", "foreach", "graph", "compile", "compile with optimizer")
EAGER = ("fused", "foreach")
# Capturing requires that everything has run before, on another stream.
WARM_UP = 3


def full_float32() -> None:
    """No TF32 anywhere: its products have only ten bits."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


@dataclass(frozen=True)
class Classes:
    """A classifier's training: scaled float32 rows, initial values, and the order of rows in each epoch."""

    x: np.ndarray
    y: np.ndarray
    layers: Sequence[tuple[np.ndarray, np.ndarray]]
    orders: Sequence[np.ndarray]
    batch: int
    dropout: float
    rate: float


class Epochs:
    """Epochs of training a classifier; `mode` is one of `MODES`."""

    def __init__(self, work: Classes, mode: str, device: str = "cuda") -> None:
        self.work, self.mode, self.device = work, mode, torch.device(device)
        self.x = torch.from_numpy(work.x).to(self.device)
        self.y = torch.from_numpy(work.y).to(self.device)
        self.orders = [torch.from_numpy(order.astype(np.int64)).to(self.device) for order in work.orders]
        self.graphs: dict[int, tuple[Any, torch.Tensor]] = {}
        self.network = self._make_network()
        self.start_values = [parameter.detach().clone() for parameter in self.network.parameters()]
        captured = mode in ("graph", "compile with optimizer")
        self.optimizer = torch.optim.Adam(
            self.network.parameters(),
            # A captured step also reads its learning rate from the GPU.
            torch.tensor(work.rate) if mode == "compile with optimizer" else work.rate,
            fused=mode != "foreach" and mode != "compile with optimizer",
            foreach=mode == "foreach" or mode == "compile with optimizer",
            capturable=captured and self.device.type == "cuda",
        )
        compiled = mode.startswith("compile")
        self.loss_of = torch.compile(self._loss, mode="reduce-overhead", dynamic=False) if compiled else self._loss
        update = self.optimizer.step
        self.update = torch.compile(update, mode="reduce-overhead") if mode == "compile with optimizer" else update
        self.total = torch.zeros((), device=self.device)
        self.epoch = 0
        if mode == "graph":
            for rows in {work.batch, len(self.x) % work.batch} - {0}:
                self.graphs[rows] = self._capture(rows)
        self.restart()

    def _make_network(self) -> nn.Sequential:
        modules: list[nn.Module] = []
        for weight, bias in self.work.layers:
            linear = nn.Linear(*weight.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
                linear.bias.copy_(torch.from_numpy(bias))
            modules += [linear, nn.ReLU()] + ([nn.Dropout(self.work.dropout)] if self.work.dropout else [])
        return nn.Sequential(*modules[: len(modules) - (2 if self.work.dropout else 1)]).to(self.device)

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(self.network(x), y)

    def _step(self, chosen: torch.Tensor) -> None:
        if self.mode.startswith("compile"):
            torch.compiler.cudagraph_mark_step_begin()
        loss = self.loss_of(self.x[chosen], self.y[chosen])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.update()
        self.total += loss.detach() * len(chosen)

    def _capture(self, rows: int) -> tuple[Any, torch.Tensor]:
        """A whole step for batches of this many rows as a CUDA graph, and the tensor with their row numbers."""
        chosen = torch.arange(rows, device=self.device)
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                self._step(chosen)
        torch.cuda.current_stream().wait_stream(beside)
        self.optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step(chosen)
        return graph, chosen

    def restart(self) -> None:
        """Restore the initial values and a fresh optimizer in place, since graphs know their addresses."""
        self.epoch = 0
        with torch.no_grad():
            for parameter, start in zip(self.network.parameters(), self.start_values, strict=True):
                parameter.copy_(start)
            for state in self.optimizer.state.values():
                for entry in state.values():
                    entry.zero_()

    def run(self) -> None:
        """One epoch; ends when the GPU has finished it."""
        self.total.zero_()
        for chosen in self.orders[self.epoch % len(self.orders)].split(self.work.batch):
            if self.mode == "graph":
                graph, place = self.graphs[len(chosen)]
                place.copy_(chosen)
                graph.replay()
            else:
                self._step(chosen)
        self.epoch += 1
        self.loss = self.total.item() / len(self.x)

    @torch.no_grad()
    def accuracy(self, x: np.ndarray, y: np.ndarray) -> float:
        self.network.eval()
        answers = self.network(torch.from_numpy(x).to(self.device)).argmax(1)
        self.network.train()
        return float((answers == torch.from_numpy(y).to(self.device)).float().mean())


class XorSteps:
    """Full-batch steps of one XOR network, eager."""

    def __init__(self, work: problems.FullBatches, steps: int, fused: bool, device: str = "cuda") -> None:
        self.steps = steps
        self.x, self.y = torch.from_numpy(work.x).to(device), torch.from_numpy(work.y).to(device)
        first = [(weight[0], bias[0]) for weight, bias in work.starts]
        self.network = dense_stack(first, lambda: [nn.Tanh()]).to(device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), work.rate, fused=fused, foreach=not fused)

    def train(self, steps: int) -> float:
        """The loss before the last step."""
        for _ in range(steps):
            loss = nn.functional.binary_cross_entropy_with_logits(self.network(self.x), self.y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return float(loss.item())

    def run(self) -> None:
        self.train(self.steps)


def product(a: np.ndarray, b: np.ndarray) -> tuple[Callable[[int], None], Callable[[], np.ndarray]]:
    """A function that multiplies repeatedly with cuBLAS and waits, and one that returns the product."""
    left, right = torch.from_numpy(a).cuda(), torch.from_numpy(b).cuda()
    out = torch.empty(left.shape[0], right.shape[1], device="cuda")

    def run(times: int) -> None:
        for _ in range(times):
            torch.mm(left, right, out=out)
        torch.cuda.synchronize()

    return run, lambda: out.cpu().numpy()
