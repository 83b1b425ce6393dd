"""A network in plain Python loops, written from the textbook: no NumPy, nothing of neurosim.

Notation of Nielsen, "Neural Networks and Deep Learning", chapter 2: z = W a + b, with the error
delta = dC/dz passed back layer by layer. Numbers are Python floats; a batch is a list of rows.
"""

import math


def activation(kind, z):
    """Outputs of a layer from its weighted sums, a list."""
    if kind == "softmax":
        exponentials = [math.exp(value) for value in z]
        return [value / math.fsum(exponentials) for value in exponentials]
    if kind == "sigmoid":
        return [1.0 / (1.0 + math.exp(-value)) for value in z]
    if kind == "tanh":
        return [(math.exp(2.0 * value) - 1.0) / (math.exp(2.0 * value) + 1.0) for value in z]
    if kind == "relu":
        return [value if value > 0.0 else 0.0 for value in z]
    assert kind == "identity"
    return list(z)


def jacobian(kind, z):
    """Matrix of d a[i] / d z[j]."""
    a = activation(kind, z)
    matrix = []
    for i in range(len(z)):
        row = []
        for j in range(len(z)):
            if kind == "softmax":
                row.append(a[i] * ((1.0 if i == j else 0.0) - a[j]))
            elif i != j:
                row.append(0.0)
            elif kind == "sigmoid":
                row.append(math.exp(-z[i]) / (1.0 + math.exp(-z[i])) ** 2)
            elif kind == "tanh":
                row.append(1.0 / math.cosh(z[i]) ** 2)
            elif kind == "relu":
                row.append(1.0 if z[i] > 0.0 else 0.0)
            else:
                row.append(1.0)
        matrix.append(row)
    return matrix


def cost(kind, a, target):
    """Loss of one row: of a list of target values, or of the number of the right class."""
    if kind == "mse":
        return math.fsum((a[k] - target[k]) ** 2 for k in range(len(a))) / len(a)
    assert kind == "cross_entropy"
    return -math.log(a[target])


def cost_slope(kind, a, target):
    """The loss's derivative with respect to each output."""
    if kind == "mse":
        return [2.0 * (a[k] - target[k]) / len(a) for k in range(len(a))]
    return [-1.0 / a[k] if k == target else 0.0 for k in range(len(a))]


def feed_forward(layers, x):
    """Weighted sums and outputs of every layer; a layer is (weights[input][unit], biases, activation)."""
    sums, outputs = [], [list(x)]
    for weights, biases, kind in layers:
        z = []
        for unit in range(len(biases)):
            total = biases[unit]
            for k in range(len(outputs[-1])):
                total += outputs[-1][k] * weights[k][unit]
            z.append(total)
        sums.append(z)
        outputs.append(activation(kind, z))
    return sums, outputs


def learn(layers, loss, batch, targets):
    """Mean loss of a batch and its gradient: for each layer (d weights[input][unit], d biases)."""
    total = 0.0
    gradient = [([[0.0] * len(b) for _ in w], [0.0] * len(b)) for w, b, _ in layers]
    for x, target in zip(batch, targets, strict=True):
        sums, outputs = feed_forward(layers, x)
        total += cost(loss, outputs[-1], target) / len(batch)
        slope = cost_slope(loss, outputs[-1], target)
        for number in range(len(layers) - 1, -1, -1):
            weights, biases, kind = layers[number]
            matrix = jacobian(kind, sums[number])
            delta = []
            for unit in range(len(biases)):
                delta.append(math.fsum(slope[i] * matrix[i][unit] for i in range(len(biases))))
            d_weights, d_biases = gradient[number]
            for unit in range(len(biases)):
                d_biases[unit] += delta[unit] / len(batch)
                for k in range(len(weights)):
                    d_weights[k][unit] += delta[unit] * outputs[number][k] / len(batch)
            slope = [
                math.fsum(weights[k][unit] * delta[unit] for unit in range(len(biases))) for k in range(len(weights))
            ]
    return total, gradient
