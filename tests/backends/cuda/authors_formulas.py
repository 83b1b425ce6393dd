"""Texts of plugins: formulas in all that authors may write, and formulas that are broken."""

WRITTEN = '''
import math
from math import exp, inf

TERMS = 6

def half(x):
    return x / 2

def helper(x, y):
    return half(x) + max(y, 0, -x) - min(x, y)

def language(z, beta):
    """Helpers, loops, branches, whole powers, literals."""
    total = 0
    term = 1
    for k in range(1, TERMS):
        term = term * half(z) / k
        total += term
        if total > 100:
            break
    if -2 < z <= 1:
        total = total + helper(z, 1) ** 2 - abs(z) ** 3
    elif not z == 4:
        total -= 2 ** half(z / 10)
    else:
        pass
    n = 3
    while n > 0:
        total = total + n * beta
        n -= 1
    return total / (1 + z**2) + math.erf(z) * int(beta * 3) + z**-1 * 1e-3

def language_derivative(z, a, beta):
    return a if z > 0 else beta

def overflowing(z):
    return 1 / (1 + exp(z)) + 1 / (1 + exp(-z) ** 2) + 1 / (z * 1e30) ** 2 + max(z, 0) + min(0, z)

def dividing(z, a):
    return (1 / (z - z) + math.log(z - z)) * a

def ratio(z):
    return exp(z) / exp(z) if z < 0 else exp(z) / (1 + exp(z))

def small_steps(z):
    return (z + 1) - 1

def small_steps_in_math(z, a):
    return math.sqrt(1 + z) ** 2 - 1

def ranks(z, a, shift):
    n = len(z)
    for i in range(n):
        a[i] = shift
        for j in range(i + 1, n):
            a[i] += (z[i] - z[-1]) * (j - i) / n

def ranks_back(z, a, da, dz, shift):
    for k in range(len(z)):
        dz[k] = da[k] * shift

def focal(a, y, gamma):
    p = max(a[y], 1e-30)
    return -((1 - p) ** gamma) * math.log(p)

def focal_gradient(a, y, da, gamma):
    for k in range(len(a)):
        da[k] = 0
    p = max(a[y], 1e-30)
    da[y] = gamma * (1 - p) ** (gamma - 1) * math.log(p) - (1 - p) ** gamma / p

def plain(w, g, t, lr):
    return w - lr * g

def three(w, g, m, v, s, t, lr, beta):
    b = 1 - beta**t
    m = m + (g - m) * beta
    v = max(v, g * g)
    return w - lr / b * m / (math.sqrt(v) + 1e-8) / math.sqrt(t), m, v, s + 1
'''

BROKEN = """
def derivative(z, a):
    return 1

def changing(z):
    if z > 1:
        t = z, z
    else:
        t = z
    return t

def pair(x):
    return x, x

def mixing(a, y):
    return (
        a[0]
        + -pair(a[0])
    )

def value(a, y):
    return a[0] / len(a)

def mixing_gradient(a, y, da):
    for k in range(len(a)):
        da[k] = -pair(a[k])

def untranslatable(z):
    return z.real
"""
