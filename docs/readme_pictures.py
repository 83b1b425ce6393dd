"""Draw the pictures that the README and ``docs/pictures.md`` show, from runs of shipped scenarios.

    NEUROSIM_DATA=... python docs/readme_pictures.py

MNIST has to be there. The pictures go to ``docs/pictures``.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from few_colors import keep

HERE = Path(__file__).parent / "pictures"
COLORS = 128
# Scenario, picture (or film), and what is set for it.
SHOWN = [
    ("spirals", "unit_maps", ()),
    ("optimizers", "loss_surface", ("scenario.repeats=1",)),
    ("mnist", "worst_mistakes", ()),
    ("xor", "network_diagram", ()),
    ("xor", "hidden_space", ()),
    ("xor-two-units", "hidden_space", ()),
]
FILM = ("moons", "boundary")


def neurosim(*words: str) -> None:
    """Run a command; ends the script where it fails."""
    done = subprocess.run([sys.executable, "-m", "neurosim", *words])
    if done.returncode not in (0, 5):
        sys.exit(f"neurosim {' '.join(words)} ended with {done.returncode}")


def main() -> None:
    """Run the scenarios and keep their pictures."""
    with tempfile.TemporaryDirectory() as folder:
        for scenario, name, settings in SHOWN:
            run = f"{folder}/{scenario}"
            if not Path(run).is_dir():
                changes = (word for entry in settings for word in ("--set", entry))
                neurosim("run", scenario, "--quiet", "--out", run, *changes)
            if not Path(run, f"{name}.png").is_file():
                neurosim("plot", run, "--only", name)
            keep(Path(run, f"{name}.png"), HERE / f"{scenario}-{name.replace('_', '-')}.png", COLORS)
        scenario, film = FILM
        neurosim("run", scenario, "--quiet", "--out", f"{folder}/{scenario}")
        neurosim("plot", f"{folder}/{scenario}", "--animate", film)
        (HERE / f"{scenario}-{film}.gif").write_bytes(Path(folder, scenario, f"{film}.gif").read_bytes())


if __name__ == "__main__":
    main()
