"""Snake: registered, through the kit, and better than others at going on with a wave."""

import math
from pathlib import Path

import neurosim_snake
import pytest
from neurosim_snake import snake, snake_derivative

import neurosim
from neurosim.testing import assert_passes

WAVES = Path(__file__).parent.parent / "examples" / "waves.toml"


def test_it_gives_one_activation(empty_registry):
    empty_registry.register(neurosim_snake)
    assert empty_registry.activations.names() == ["snake"]


def test_it_passes_the_kit(empty_registry):
    empty_registry.register(neurosim_snake)
    assert_passes(empty_registry.activations.get("snake"))


@pytest.mark.parametrize("a", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("x", [-7.0, -0.3, 0.0, 0.1, 2.5, 100.0])
def test_it_is_the_formula_with_a_cosine(x, a):
    """The other form in the paper: x - cos(2 a x) / 2a + 1 / 2a."""
    assert snake(x, a) == pytest.approx(x - math.cos(2 * a * x) / (2 * a) + 1 / (2 * a), abs=1e-12)
    assert snake_derivative(x, snake(x, a), a) == pytest.approx(1 + 2 * math.sin(a * x) * math.cos(a * x), abs=1e-12)


def test_it_never_falls():
    assert all(snake_derivative(k / 100, 0.0, 1.0) >= 0.0 for k in range(-500, 501))


def error_beyond_the_data(activation):
    """Mean squared error on one period before and one after the two that were learned."""
    registry = neurosim.build_registry(entry_points=False)
    registry.register(neurosim_snake)
    scenario = neurosim.load_scenario(WAVES, registry=registry, overrides={"network.layers.0.activation": activation})
    trained = neurosim.run(scenario).simulator
    steps = [2 * math.pi * (1 + k / 100) for k in range(1, 101)]
    xs = [*steps, *(-x for x in steps)]
    answers = trained.forward([[x] for x in xs])
    return sum((float(answer[0]) - math.sin(x)) ** 2 for x, answer in zip(xs, answers, strict=True)) / len(xs)


def test_it_goes_on_with_a_wave_where_others_do_not():
    found = error_beyond_the_data({"name": "snake", "a": 2.0})
    # Answering 0 everywhere would be wrong by 0.5.
    assert found < 0.1
    assert error_beyond_the_data("tanh") > 5 * found
    assert error_beyond_the_data("relu") > 5 * found
