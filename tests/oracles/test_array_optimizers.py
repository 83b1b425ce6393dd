"""Optimizers that look at whole arrays against a plain loop over arrays, written from their papers."""

from dataclasses import replace

import numpy as np
import pytest
import support
from oracles import make_torch_values as torch_values
from support import BatchNorm, Conv2d, Dense, Flatten, LayerNorm

CCE = "categorical_cross_entropy"
STEPS = 50


def is_weight(name):
    return name.endswith(".weight")


class Lars:
    """You, Gitman and Ginsburg 2017, arXiv:1708.03888, algorithm 1; others than weights take the plain step."""

    def __init__(self, lr, momentum, weight_decay, trust):
        self.lr, self.momentum, self.weight_decay, self.trust = lr, momentum, weight_decay, trust
        self.v = {}

    def step(self, name, w, g, t):
        decay, local = 0.0, 1.0
        if is_weight(name):
            decay = self.weight_decay
            local = self.trust * np.linalg.norm(w) / (np.linalg.norm(g) + decay * np.linalg.norm(w))
        self.v[name] = self.momentum * self.v.get(name, 0.0) + self.lr * local * (g + decay * w)
        return w - self.v[name]


class Lamb:
    """You et al. 2019, arXiv:1904.00962, algorithm 2, with the identity for phi."""

    def __init__(self, lr, beta1, beta2, eps, weight_decay):
        self.lr, self.beta1, self.beta2, self.eps, self.weight_decay = lr, beta1, beta2, eps, weight_decay
        self.m, self.v = {}, {}

    def step(self, name, w, g, t):
        self.m[name] = self.beta1 * self.m.get(name, 0.0) + (1 - self.beta1) * g
        self.v[name] = self.beta2 * self.v.get(name, 0.0) + (1 - self.beta2) * g**2
        r = self.m[name] / (1 - self.beta1**t) / (np.sqrt(self.v[name] / (1 - self.beta2**t)) + self.eps)
        if not is_weight(name):
            return w - self.lr * r
        r = r + self.weight_decay * w
        return w - self.lr * np.linalg.norm(w) / np.linalg.norm(r) * r


class Muon:
    """Jordan et al. 2024, with Nesterov's momentum; others than weights take Adam's steps."""

    def __init__(self, lr, momentum, nesterov, weight_decay, bias_lr, beta2, eps):
        self.lr, self.beta, self.weight_decay = lr, momentum, weight_decay
        self.bias_lr, self.beta2, self.eps = bias_lr, beta2, eps
        self.m, self.v = {}, {}

    def step(self, name, w, g, t):
        self.m[name] = self.beta * self.m.get(name, 0.0) + (1 - self.beta) * g
        self.v[name] = self.beta2 * self.v.get(name, 0.0) + (1 - self.beta2) * g**2
        if not is_weight(name):
            r = self.m[name] / (1 - self.beta**t) / (np.sqrt(self.v[name] / (1 - self.beta2**t)) + self.eps)
            return w - self.lr * self.bias_lr * r
        u = (self.beta * self.m[name] + (1 - self.beta) * g).reshape(-1, w.shape[-1])
        left, values, right = np.linalg.svd(u / np.linalg.norm(u), full_matrices=False)
        for _ in range(5):  # what each step of Newton and Schulz does to the singular values
            values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
        scale = np.sqrt(max(1.0, u.shape[1] / u.shape[0]))
        return w - self.lr * self.weight_decay * w - self.lr * scale * ((left * values) @ right).reshape(w.shape)


RULES = {
    "muon": (
        Muon,
        {
            "lr": 0.02,
            "momentum": 0.9,
            "nesterov": 1.0,
            "weight_decay": 0.05,
            "bias_lr": 0.2,
            "beta2": 0.95,
            "eps": 1e-4,
        },
    ),
    "lars": (Lars, {"lr": 0.2, "momentum": 0.8, "weight_decay": 0.02, "trust": 0.1}),
    "lamb": (Lamb, {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4, "weight_decay": 0.05}),
}
NETWORKS = {
    "dense": (3, [Dense(5, "tanh"), LayerNorm(), Dense(2, "softmax")]),
    "maps": ((4, 4, 1), [Conv2d(2, (2, 2), "tanh"), BatchNorm(), Flatten(), Dense(2, "softmax")]),
}


@pytest.mark.parametrize("place", NETWORKS)
@pytest.mark.parametrize("name", RULES)
def test_fifty_steps_as_in_the_paper(backend, name, place):
    inputs, layers = NETWORKS[place]
    net = support.network(inputs, layers, CCE)
    make, params = RULES[name]
    bench = backend.make(net, support.training((name, params)))
    rows = support.rows(6, net.inputs, 2)
    plain = support.REFERENCE.make(net, support.training())
    rule = make(**params)
    for t in range(1, STEPS + 1):
        _, gradient = plain.gradients(rows)
        weights, slopes = net.named(plain.parameters), net.named(gradient)
        for array in weights:
            weights[array][...] = rule.step(array, weights[array].copy(), slopes[array], t)
        bench.train_step(rows)
    moved = support.error(bench.parameters, net.start_values(0))
    assert moved > 0.05
    errors = support.array_errors(net, bench.parameters, plain.parameters)
    assert max(errors.values()) < (1e-12 if backend.name == "reference" else 1e-5), errors


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_an_array_of_zeros_takes_the_plain_step(backend, name):
    """As biases do: their norm is 0 at first, and by a ratio of 0 they would stay there."""
    bench = backend.make(support.network(1, [Dense(1)], "mse"), support.training((name, {"lr": 0.5})))
    bench.parameters[:] = 0.0
    bench.train_step(support.Rows(np.ones((1, 1), np.float32), np.array([[1.0]]), np.zeros(0, np.int32), "none"))
    step = {"lars": 0.5 * 2.0, "lamb": 0.5}[name]
    assert bench.parameters == pytest.approx([step, step], rel=1e-5)


def test_biases_may_be_left_out_of_the_decay(backend):
    """With gradients of 0 there is nothing but decay: weights are halved, biases, gamma and beta stay."""
    net = support.network(2, [Dense(3), LayerNorm(), Dense(1)], "mse")
    decay = {"lr": 0.5, "weight_decay": 1.0}
    for rule in ("adamw", ("sgd", {"momentum": 0.9})):
        name, more = rule if isinstance(rule, tuple) else (rule, {})
        plain = support.training((name, {**decay, **more}))
        without = tuple(0.0 if key == "weight_decay" else value for key, value in plain.optimizer.params.items())
        bench = backend.make(net, replace(plain, biases=without))
        bench.parameters[:] = 1.0
        bench.parameters[net.parameters[-2].span] = 0.0
        bench.train_step(support.Rows(np.zeros((1, 2), np.float32), np.array([[1.0]]), np.zeros(0, np.int32), "none"))
        found = {key: set(array.ravel().tolist()) for key, array in net.named(bench.parameters).items()}
        assert found == {
            "layers.0.weight": {0.5},
            "layers.0.bias": {1.0},
            "layers.1.gamma": {1.0},
            "layers.1.beta": {1.0},
            "layers.2.weight": {0.0},
            "layers.2.bias": {1.0},
        }, name


SECOND = {"lr": 0.02, "eps": 1e-3, "weight_decay": 0.05}
# What PyTorch calls it, with its parameters; and ours, where they have other names.
LIVE = {
    "dampened_sgd": (
        "SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.5, "weight_decay": 0.05}, {},
    ),
    "centered_rmsprop": (
        "RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-2, "weight_decay": 0.05, "centered": True}, {"rho": 0.9},
    ),
    "amsgrad": ("Adam", {**SECOND, "betas": (0.8, 0.7), "amsgrad": True}, {"beta1": 0.8, "beta2": 0.7}),
    "amsgradw": ("AdamW", {**SECOND, "betas": (0.8, 0.7), "amsgrad": True}, {"beta1": 0.8, "beta2": 0.7}),
    "nadam": ("NAdam", {"lr": 0.005, "eps": 1e-3, "weight_decay": 0.05}, {}),
    "adafactor": ("Adafactor", {"lr": 0.005, "beta2_decay": -0.7, "eps": (1e-4, 1e-3), "d": 1.0, "weight_decay": 0.05},
                  {"eps1": 1e-4, "eps2": 1e-3}),
    "radam": ("RAdam", {"lr": 0.02, "eps": 1e-3, "weight_decay": 0.05}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", LIVE)
def test_fifty_steps_as_pytorch_takes_them(backend, name):
    torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    kind, params, more = LIVE[name]
    net = support.network(3, [Dense(5, "tanh"), Dense(2, "softmax")], CCE)
    # Of gradients that hardly change, the variance is mostly rounding.
    batches = [support.rows(6, 3, 2, seed=seed) for seed in (1, 2, 3)]
    known = support.BUILTINS.optimizers.get(name).params
    ours = {key: value for key, value in params.items() if key in known} | more
    bench = backend.make(net, support.training((name, ours)))
    plain = support.REFERENCE.make(net, support.training())
    arrays = {key: torch.tensor(array.T.copy()) for key, array in net.named(plain.parameters).items()}
    rule = getattr(torch.optim, kind)(list(arrays.values()), **params)
    for step in range(STEPS):
        _, gradient = plain.gradients(batches[step % 3])
        for key, slope in net.named(gradient).items():
            arrays[key].grad = torch.tensor(slope.T.copy())
        with torch_values.in_float64():
            rule.step()
        plain.parameters[:] = net.flat({key: array.numpy().T for key, array in arrays.items()}, np.float64)
        bench.train_step(batches[step % 3])
    errors = support.array_errors(net, bench.parameters, plain.parameters)
    assert max(errors.values()) < (1e-12 if backend.name == "reference" else 1e-5), errors


def test_muon_goes_where_pytorch_goes():
    """About: PyTorch makes matrices orthogonal in bfloat16, which has two digits, and small singular values grow."""
    torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    net = support.network(7, [Dense(5, "tanh", bias=False), Dense(9, "tanh", bias=False), Dense(2, bias=False)], "mse")
    rows = support.rows(6, 7, 2)
    bench = support.REFERENCE.make(net, support.training(("muon", {"lr": 0.1, "weight_decay": 0.05})))
    before = bench.parameters.copy()
    _, gradient = bench.gradients(rows)
    arrays = {key: torch.tensor(array.T.copy()) for key, array in net.named(before).items()}
    for key, slope in net.named(gradient).items():
        arrays[key].grad = torch.tensor(slope.T.copy())
    torch.optim.Muon(list(arrays.values()), lr=0.1, weight_decay=0.05).step()
    bench.train_step(rows)
    for key, ours in net.named(bench.parameters - before).items():
        theirs = arrays[key].numpy().T - net.named(before)[key]
        lengths = np.linalg.norm(ours), np.linalg.norm(theirs)
        assert lengths[0] == pytest.approx(lengths[1], rel=0.05), key
        assert (ours * theirs).sum() > 0.98 * lengths[0] * lengths[1], key
