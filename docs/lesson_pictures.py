"""Run the lessons and keep one picture of each beside the course, with the time that it took.

    python docs/lesson_pictures.py [NAME]...

Without names all that need no download. The pictures go to ``docs/pictures/lessons``.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from few_colors import keep

HERE = Path(__file__).parent / "pictures" / "lessons"
COLORS = 96
# The picture that says most about each lesson.
PICTURES = {
    "and": "decision_boundary",
    "or": "decision_boundary",
    "nand": "decision_boundary",
    "xor-perceptron": "parameters",
    "xor": "decision_boundary",
    "xor-two-units": "hidden_space",
    "moons": "decision_boundary",
    "spirals": "decision_boundary",
    "iris": "learning_curves",
    "sine": "fitted_curve",
    "universal-approximation": "fitted_curves",
    "digits": "learning_curves",
    "loss-functions": "comparison",
    "learning-rate": "against",
    "optimizers": "comparison",
    "batch-size": "against",
    "overfitting": "comparison",
    "initialization": "activation_std",
    "vanishing-gradient": "gradient_norm",
    "dying-relu": "dead",
    "depth": "against",
    "digits-cnn": "learning_curves",
    "features": "responses",
}


def main(names: list[str]) -> None:
    """Run the named lessons and copy a picture of each."""
    HERE.mkdir(parents=True, exist_ok=True)
    for name in names or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "run")
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "neurosim", "run", name, "--quiet", "--out", str(out)])
            seconds = time.perf_counter() - start
            if done.returncode:
                sys.exit(f"{name} ended with {done.returncode}")
            keep(out / f"{PICTURES[name]}.png", HERE / f"{name}.png", COLORS)
        print(f"{name:<26}{seconds:6.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
