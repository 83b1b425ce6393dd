"""Optimizers: the new value of one parameter w with gradient g at step t = 1, 2, ..."""

import math

from neurosim.plugin import Optimizer, hookimpl


def sgd(w, g, v, t, lr, momentum, nesterov, weight_decay):
    g = g + weight_decay * w
    v = momentum * v + g
    step = g + momentum * v if nesterov > 0.0 else v
    return w - lr * step, v


def dampened_sgd(w, g, v, t, lr, momentum, dampening, weight_decay):
    """As in PyTorch, the first gradient is not dampened, nor is any where there is no momentum."""
    share = 1.0 if t < 1.5 or momentum == 0.0 else 1.0 - dampening
    v = momentum * v + share * (g + weight_decay * w)
    return w - lr * v, v


def rmsprop(w, g, v, t, lr, rho, eps, weight_decay):
    g = g + weight_decay * w
    v = rho * v + (1.0 - rho) * g * g
    return w - lr * g / (math.sqrt(v) + eps), v


def centered_rmsprop(w, g, v, mean, t, lr, rho, eps, weight_decay):
    """`v` is the gradient's variance: the mean of its square without the square of its mean, but never below 0."""
    g = g + weight_decay * w
    v = rho * (v + (1.0 - rho) * (g - mean) * (g - mean))
    mean = mean + (1.0 - rho) * (g - mean)
    return w - lr * g / (math.sqrt(v) + eps), v, mean


def adagrad(w, g, s, t, lr, eps, weight_decay):
    g = g + weight_decay * w
    s = s + g * g
    return w - lr * g / (math.sqrt(s) + eps), s


def adam(w, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    g = g + weight_decay * w
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    m_hat = m / (1.0 - beta1**t)
    v_hat = v / (1.0 - beta2**t)
    return w - lr * m_hat / (math.sqrt(v_hat) + eps), m, v


def adamw(w, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    w = w - lr * weight_decay * w
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    m_hat = m / (1.0 - beta1**t)
    v_hat = v / (1.0 - beta2**t)
    return w - lr * m_hat / (math.sqrt(v_hat) + eps), m, v


def amsgrad(w, g, m, v, v_max, t, lr, beta1, beta2, eps, weight_decay):
    g = g + weight_decay * w
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    v_max = max(v, v_max)
    m_hat = m / (1.0 - beta1**t)
    v_hat = v_max / (1.0 - beta2**t)
    return w - lr * m_hat / (math.sqrt(v_hat) + eps), m, v, v_max


def amsgradw(w, g, m, v, v_max, t, lr, beta1, beta2, eps, weight_decay):
    w = w - lr * weight_decay * w
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    v_max = max(v, v_max)
    m_hat = m / (1.0 - beta1**t)
    v_hat = v_max / (1.0 - beta2**t)
    return w - lr * m_hat / (math.sqrt(v_hat) + eps), m, v, v_max


def nadam(w, g, m, v, d, t, lr, beta1, beta2, eps, weight_decay, momentum_decay):
    """`d` is 1 minus the product of all momenta so far, which starts at 1."""
    momentum = beta1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay))
    upcoming = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    g = g + weight_decay * w
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    d = momentum * d + (1.0 - momentum)
    d_next = upcoming * d + (1.0 - upcoming)
    m_hat = upcoming * m / d_next + (1.0 - momentum) * g / d
    v_hat = v / (1.0 - beta2**t)
    return w - lr * m_hat / (math.sqrt(v_hat) + eps), m, v, d


def radam(w, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * t * beta2**t / (1.0 - beta2**t)
    # In the first steps the variance of 1 / sqrt(v) is not finite, and the step is that of plain momentum.
    share = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
    rectifier = math.sqrt(share * (1.0 - beta2**t)) if length > 5.0 else 0.0
    g = g + weight_decay * w
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    m_hat = m / (1.0 - beta1**t)
    if length > 5.0:
        return w - lr * m_hat * rectifier / (math.sqrt(v) + eps), m, v
    return w - lr * m_hat, m, v


def lars(w, g, v, w_norm, g_norm, is_bias, t, lr, momentum, weight_decay, trust):
    """Biases, gamma and beta take the plain step, without decay, as in the implementations of the paper's authors."""
    decay = weight_decay * (1.0 - is_bias)
    scale = 1.0
    if (1.0 - is_bias) * min(w_norm, g_norm) > 0.0:
        scale = trust * w_norm / (g_norm + decay * w_norm)
    v = momentum * v + lr * scale * (g + decay * w)
    return w - v, v


def lamb_direction(w, g, m, v, is_bias, t, lr, beta1, beta2, eps, weight_decay):
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    m_hat = m / (1.0 - beta1**t)
    v_hat = v / (1.0 - beta2**t)
    return m_hat / (math.sqrt(v_hat) + eps) + weight_decay * (1.0 - is_bias) * w, m, v


def lamb(w, u, w_norm, u_norm, is_bias, t, lr, beta1, beta2, eps, weight_decay):
    """Biases, gamma and beta take the plain step, as in the implementations of the paper's authors."""
    if (1.0 - is_bias) * min(w_norm, u_norm) > 0.0:
        return w - lr * (w_norm / u_norm) * u
    return w - lr * u


def adafactor_direction(
    w, g, rows, columns, all_mean, g_row, g_column, g_all, is_bias, t,
    lr, beta2_decay, eps1, eps2, d, weight_decay,
):  # fmt: skip
    """The second moment of a weight from those of its row and its column; of a bias, its own."""
    share = t**beta2_decay
    rows = rows + share * (g_row * g_row - rows)
    columns = columns + share * (g_column * g_column - columns)
    all_mean = all_mean + share * (g_all * g_all - all_mean)
    v = rows if is_bias > 0.5 else rows * columns / max(all_mean, eps1)
    return g / math.sqrt(max(v, eps1 * eps1)), rows, columns, all_mean


def adafactor(w, u, w_size, u_size, t, lr, beta2_decay, eps1, eps2, d, weight_decay):
    rate = max(eps2, w_size) * min(lr, 1.0 / math.sqrt(t))
    return w - lr * weight_decay * w - rate / max(1.0, u_size / d) * u


def muon_direction(
    w, g, m, v, is_bias, t, lr, momentum, nesterov, weight_decay, bias_lr, beta2, eps
):  # fmt: skip
    """Of a weight its momentum; of a bias Adam's step."""
    m = momentum * m + (1.0 - momentum) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    if is_bias > 0.5:
        return m / (1.0 - momentum**t) / (math.sqrt(v / (1.0 - beta2**t)) + eps), m, v
    return momentum * m + (1.0 - momentum) * g if nesterov > 0.0 else m, m, v


def muon(
    w, u, orthogonal, inputs, units, is_bias, t, lr, momentum, nesterov, weight_decay, bias_lr, beta2, eps
):  # fmt: skip
    if is_bias > 0.5:
        return w - lr * bias_lr * u
    return w - lr * weight_decay * w - lr * math.sqrt(max(1.0, units / inputs)) * orthogonal


@hookimpl
def neurosim_optimizers():
    return [
        Optimizer(
            "sgd",
            sgd,
            slots=("v",),
            params={"lr": 0.01, "momentum": 0.0, "nesterov": 0.0, "weight_decay": 0.0},
            source="Polyak 1964; nesterov: Sutskever et al. 2013",
        ),
        Optimizer(
            "dampened_sgd",
            dampened_sgd,
            slots=("v",),
            params={"lr": 0.01, "momentum": 0.9, "dampening": 0.9, "weight_decay": 0.0},
            source="SGD of PyTorch with dampening",
        ),
        Optimizer(
            "rmsprop",
            rmsprop,
            slots=("v",),
            params={"lr": 0.01, "rho": 0.99, "eps": 1e-8, "weight_decay": 0.0},
            source="Tieleman and Hinton 2012",
        ),
        Optimizer(
            "centered_rmsprop",
            centered_rmsprop,
            slots=("v", "mean"),
            params={"lr": 0.01, "rho": 0.99, "eps": 1e-4, "weight_decay": 0.0},
            source="arXiv:1308.0850, equations 38 to 41; RMSprop of PyTorch, centered",
        ),
        Optimizer(
            "adagrad",
            adagrad,
            slots=("s",),
            params={"lr": 0.01, "eps": 1e-10, "weight_decay": 0.0},
            source="Duchi, Hazan and Singer 2011",
        ),
        Optimizer(
            "adam",
            adam,
            slots=("m", "v"),
            params={"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
            source="arXiv:1412.6980, algorithm 1",
        ),
        Optimizer(
            "adamw",
            adamw,
            slots=("m", "v"),
            params={"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
            source="arXiv:1711.05101, algorithm 2",
        ),
        Optimizer(
            "amsgrad",
            amsgrad,
            slots=("m", "v", "v_max"),
            params={"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
            source="arXiv:1904.09237, algorithm 2; Adam of PyTorch with amsgrad",
        ),
        Optimizer(
            "amsgradw",
            amsgradw,
            slots=("m", "v", "v_max"),
            params={"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
            source="AdamW of PyTorch with amsgrad",
        ),
        Optimizer(
            "nadam",
            nadam,
            slots=("m", "v", "d"),
            params={
                "lr": 0.002,
                "beta1": 0.9,
                "beta2": 0.999,
                "eps": 1e-8,
                "weight_decay": 0.0,
                "momentum_decay": 0.004,
            },
            source="Dozat 2016",
        ),
        Optimizer(
            "radam",
            radam,
            slots=("m", "v"),
            params={"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
            source="arXiv:1908.03265, algorithm 2",
        ),
        Optimizer(
            "lars",
            lars,
            slots=("v",),
            params={"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "trust": 0.001},
            source="arXiv:1708.03888, algorithm 1",
            reductions={"w_norm": "l2(w)", "g_norm": "l2(g)"},
        ),
        Optimizer(
            "lamb",
            lamb,
            slots=("m", "v"),
            params={"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.01},
            source="arXiv:1904.00962, algorithm 2",
            direction=lamb_direction,
            reductions={"w_norm": "l2(w)", "u_norm": "l2(u)"},
        ),
        Optimizer(
            "adafactor",
            adafactor,
            slots=("rows", "columns", "all_mean"),
            params={"lr": 0.01, "beta2_decay": -0.8, "eps1": 1.2e-7, "eps2": 0.001, "d": 1.0, "weight_decay": 0.0},
            source="arXiv:1804.04235, algorithms 4 and 5",
            direction=adafactor_direction,
            reductions={
                "g_row": "rms(g) per row",
                "g_column": "rms(g) per column",
                "g_all": "rms(g)",
                "w_size": "rms(w)",
                "u_size": "rms(u)",
            },
        ),
        Optimizer(
            "muon",
            muon,
            slots=("m", "v"),
            params={
                "lr": 0.02,
                "momentum": 0.95,
                "nesterov": 1.0,
                "weight_decay": 0.0,
                "bias_lr": 0.1,
                "beta2": 0.95,
                "eps": 1e-8,
            },
            source="Jordan et al. 2024; biases: arXiv:1412.6980, algorithm 1",
            direction=muon_direction,
            reductions={
                "orthogonal": "orthogonal(u)",
                "inputs": "count(w) per column",
                "units": "count(w) per row",
            },
        ),
    ]
