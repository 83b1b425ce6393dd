"""Nothing in the working folder or the environment is obeyed that nobody asked for: bits and pictures stay the same.

Nor do they depend on the umask, on whose the folders are, or on room for the cache of kernels.

Real commands on the CPU backend, with their drawing process. A hook in every Python process that takes part hears of
each file that is opened, each piece of code that is executed, and each program that is started.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sizes import sizes

import neurosim
from neurosim.backends import cache
from neurosim.files.sealed import unseal

as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
RUN = [sys.executable, "-m", "neurosim", "run"]
QUICK = ["--threads", "1", "--set", "training.epochs=20", "--set", "expect={}"]
# Read by every Python process at its start: what it opens, executes and starts goes into a log.
HOOK = """
import os, sys

log = os.open(os.environ["HEARD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
watched = os.environ["WATCHED"]

def hear(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        name = os.fsdecode(args[0])
        path = os.path.abspath(name)
        # What is opened through the folder of the cache is told without that folder.
        of_cache = args[1] is None and name.endswith((".nbc", ".tmp", ".py")) and not os.path.dirname(name)
        if path.startswith(watched + os.sep) and not of_cache:
            os.write(log, f"open {path}\\n".encode())
    elif event == "exec" and args[0].co_filename.startswith((watched, "./")):
        os.write(log, f"exec {args[0].co_filename}\\n".encode())
    elif event == "subprocess.Popen":
        os.write(log, f"program {os.path.basename(os.fsdecode(args[0]))}\\n".encode())

sys.addaudithook(hear)
"""
# Stands for PyYAML, which may be installed.
YAML = "def safe_load(file):\n    return dict(line.strip().split(': ', 1) for line in file if ': ' in line)\n"
EVIL = "import os\nos.system('touch {evidence}/$$')\n"
LOOKALIKES = (
    "numpy", "click", "matplotlib", "numba", "scipy", "rich", "pydantic", "platformdirs", "tomllib", "yaml", "PIL",
    "sitecustomize", "usercustomize", "conftest", "neurosim_plugins", "evil", "json", "secrets",
)  # fmt: skip
MATPLOTLIBRC = (
    "text.usetex: True\ntext.latex.preamble: \\input{/etc/passwd}", "savefig.dpi: 5000\nfigure.dpi: 5000",
    "backend: module://evil", "image.lut: 2", "axes.facecolor: red\nlines.linewidth: 30", "font.size: 200",
    "path.sketch: 10, 100, 2", "figure.constrained_layout.use: True", "animation.ffmpeg_path: ./evil.py",
    "axes.formatter.use_locale: True", "xtick.direction: in\nytick.direction: in", "svg.fonttype: path",
    "savefig.bbox: tight", "savefig.transparent: True", "axes.xmargin: 3", "legend.loc: center", "no colon",
    "lines.linewidth: many", "axes.prop_cycle: cycler('color', ['#000000'])", "mathtext.fontset: stix",
)  # fmt: skip
NUMBA = (
    "opt: 0", "opt: max", "boundscheck: 1", "debuginfo: 1", "enable_avx: 0", "loop_vectorize: 0", "slp_vectorize: 1",
    "cpu_name: generic", "disable_jit: 1", "dump_llvm: 1", "num_threads: 1000", "cache_dir: .", "color_scheme: 7",
)  # fmt: skip
VARIABLES = {
    "MPLBACKEND": ("module://evil", "TkAgg", "nonsense"), "MATPLOTLIBRC": (".", "matplotlibrc"),
    "NUMBA_OPT": ("0", "max", "7"), "NUMBA_BOUNDSCHECK": ("1",), "NUMBA_ENABLE_AVX": ("0",),
    "NUMBA_LOOP_VECTORIZE": ("0",), "NUMBA_SLP_VECTORIZE": ("1",), "NUMBA_DEBUGINFO": ("1",),
}  # fmt: skip


def kept(folder):
    """What must be the same: the model's numbers, and the pictures."""
    tensors, _ = unseal(folder / "model.safetensors", "model")
    pictures = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    return {name: array.tobytes() for name, array in tensors.items()}, pictures


def run(scenario, out, cwd, *words, environment=None, **settings):
    """A run, which draws in a second process."""
    command = [*settings.pop("before", []), *RUN, str(scenario), *QUICK, "--out", str(out), *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=600, env=environment or os.environ, **settings
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A scenario, and what a run of it leaves that nothing disturbs."""
    folder = tmp_path_factory.mktemp("clean")
    scenario = folder / "scenario.toml"
    shutil.copy(neurosim.scenario.shipped()["xor"], scenario)
    done = run(scenario, folder / "out", folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return scenario, kept(folder / "out")


def other_cache(folder):
    """A copy of the cache of kernels in which one is missing, that of tanh: to be compiled, which takes a second."""
    kernels = folder / "kernels" / cache.fingerprint()
    kernels.mkdir(parents=True, mode=0o700)
    for path in cache.cache_folder().iterdir():
        if path.is_file() and not path.name.startswith("neurosim_activation_tanh"):
            shutil.copy(path, kernels)
    return kernels


def prepare(rng, folder, evidence):
    """A folder as it may have been downloaded; returns the environment that goes with it."""
    folder.mkdir()
    for name in LOOKALIKES:
        if rng.random() < 0.5:
            (folder / f"{name}.py").write_text(EVIL.format(evidence=evidence))
        else:
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(EVIL.format(evidence=evidence))
    for name in (".env", "setup.cfg", "pyproject.toml", "pyvenv.cfg", ".pdbrc", "python311._pth"):
        (folder / name).write_text("import evil\n")
    package = folder / "evil-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[neurosim]\nevil = evil\n[numba_extensions]\ninit = evil:init\n")
    settings = folder / "matplotlibrc"
    kind = rng.random()
    if kind < 0.1:
        os.mkfifo(settings)
    elif kind < 0.2:
        settings.write_bytes(b"\xff\xfe\x00text.usetex: True\n")
    elif kind < 0.3:
        settings.symlink_to("/dev/zero")
    else:
        settings.write_text("\n".join(rng.sample(MATPLOTLIBRC, rng.randrange(1, 8))) + "\n")
    (folder / ".numba_config.yaml").write_text("\n".join(rng.sample(NUMBA, rng.randrange(1, 5))) + "\n")
    chosen = rng.sample(sorted(VARIABLES), rng.randrange(len(VARIABLES)))
    return {name: rng.choice(VARIABLES[name]) for name in chosen}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
@sizes(short=1, full=200, ci=True)
def test_a_hostile_working_folder_is_not_obeyed(count, clean, tmp_path):
    scenario, expected = clean
    ours, evidence = tmp_path / "ours", tmp_path / "evidence"
    for folder in (ours, evidence):
        folder.mkdir()
    (ours / "sitecustomize.py").write_text(HOOK)
    (ours / "yaml.py").write_text(YAML)
    (ours / "latex").write_text(f"#!/bin/sh\ntouch {evidence}/latex\nexit 1\n")
    (ours / "latex").chmod(0o755)
    for number in range(count):
        rng = random.Random(f"folder {number}")
        hostile, heard, out = tmp_path / f"hostile{number}", tmp_path / f"heard{number}", tmp_path / f"out{number}"
        variables = prepare(rng, hostile, evidence)
        shutil.copy(scenario, hostile / "scenario.toml")
        search = [str(ours), str(Path(neurosim.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ, **variables, "PYTHONPATH": os.pathsep.join(filter(None, search)), "HEARD": str(heard),
            "WATCHED": str(hostile), "PATH": f"{ours}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip
        environment.pop("NEUROSIM_DISABLE_PLUGINS", None)
        kernels = other_cache(tmp_path / f"cache{number}")
        environment["NEUROSIM_CACHE"] = str(kernels.parents[1])
        done = run("scenario.toml", out, hostile, environment=environment)
        told = (number, variables, done.stderr)
        assert done.returncode == 0, told
        warnings = done.stderr.splitlines()
        assert len(warnings) == 1, told
        assert warnings[0].startswith("Warning: ignored, so that numbers and pictures are the same everywhere: "), told
        ignored = set(warnings[0].rpartition(": ")[2].split(", "))
        # A notebook sets such a backend, not its user.
        named = {name for name, value in variables.items() if not value.startswith("module://")}
        assert ignored == {".numba_config.yaml", "matplotlibrc", *named}, told
        events = set(heard.read_text().splitlines())
        opened = {event for event in events if not event.startswith("program ")}
        assert opened == {f"open {hostile / 'scenario.toml'}"}, told
        programs = {event.removeprefix("program ") for event in events - opened}
        assert Path(sys.executable).name in programs  # it was heard that the drawing process was started
        assert list(kernels.glob("neurosim_activation_tanh*.nbc"))
        assert programs <= {Path(sys.executable).name, "fc-list", "uname"}, told
        assert list(evidence.iterdir()) == [], told
        assert kept(out) == expected, told
        if number % 2:
            # Draws in its own process.
            for picture in out.glob("*.png"):
                picture.unlink()
            plot = [sys.executable, "-m", "neurosim", "plot", str(out)]
            done = subprocess.run(plot, cwd=hostile, env=environment, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, (told, done.stderr)
            assert done.stderr.count("Warning: ") == 1, (told, done.stderr)
            events = {event for event in heard.read_text().splitlines() if not event.startswith("program ")}
            assert events == opened, told
            assert list(evidence.iterdir()) == [], told
            assert {name: kept(out)[1][name] for name in expected[1]} == expected[1], told
        shutil.rmtree(out)
        shutil.rmtree(kernels)


@pytest.mark.ci
@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_another_umask_opens_nothing_and_changes_nothing(clean, tmp_path, mask):
    scenario, expected = clean
    kernels = other_cache(tmp_path / "cache")
    environment = {**os.environ, "NEUROSIM_CACHE": str(tmp_path / "cache")}
    done = run(scenario, tmp_path / "out", tmp_path, environment=environment, umask=mask)
    assert (done.returncode, done.stderr) == (0, "")
    assert kept(tmp_path / "out") == expected
    assert list(kernels.glob("neurosim_activation_tanh*.nbc"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in kernels.iterdir())
    for path in (tmp_path / "out").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o777 if path.is_dir() else 0o666) & ~mask, path


def fill(path):
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 12))


@pytest.mark.ci
@as_root
def test_a_full_disk_under_the_cache_costs_one_line(clean, tmp_path):
    """On a small disk of its own; where that cannot be had, tests/backends/cpu/test_cache.py limits files instead."""
    scenario, expected = clean
    disk = tmp_path / "disk"
    disk.mkdir()
    there = sum(path.stat().st_size + (1 << 12) for path in cache.cache_folder().iterdir())
    size = f"size={there + (4 << 20)}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(disk)], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        kernels = other_cache(disk / "cache")
        with pytest.raises(OSError, match="No space left"):
            fill(disk / "full")
        environment = {**os.environ, "NEUROSIM_CACHE": str(disk / "cache")}
        done = run(scenario, tmp_path / "out", tmp_path, environment=environment)
        assert done.returncode == 0, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert f"Warning: compiled kernels cannot be kept in {kernels} (No space left on device)" in done.stderr
        assert list(kernels.glob("*.tmp")) == list(kernels.glob("neurosim_activation_tanh*")) == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert kept(tmp_path / "out") == expected


# Somebody else, who may read everything, as Python and neurosim may lie in a home of root's, but write only his own.
SOMEBODY = 54321
AS_SOMEBODY = [
    "setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups", "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
]  # fmt: skip


def given_to(user, folder):
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)


@pytest.mark.ci
@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_scenario_in_a_folder_of_another_user_s(clean, tmp_path):
    scenario, expected = clean
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    for folder in (theirs, mine):
        folder.mkdir()
    shutil.copy(scenario, theirs / "scenario.toml")
    (theirs / "matplotlibrc").write_text("text.usetex: True\n")
    other_cache(mine / "cache")
    given_to(SOMEBODY, mine)
    environment = {**os.environ, "NEUROSIM_CACHE": str(mine / "cache"), "HOME": str(mine)}
    environment.pop("XDG_CACHE_HOME", None)
    done = run("scenario.toml", mine / "out", theirs, before=AS_SOMEBODY, environment=environment)
    assert done.returncode == 0, done.stderr
    assert [line.rpartition(": ")[2] for line in done.stderr.splitlines()] == ["matplotlibrc"], done.stderr
    assert kept(mine / "out") == expected
    assert (mine / "out" / "model.safetensors").stat().st_uid == SOMEBODY

    refused = run("scenario.toml", theirs / "out", theirs, before=AS_SOMEBODY, environment=environment)
    assert refused.returncode == 3
    assert f"Error: cannot write {theirs / 'out'}: Permission denied" in refused.stderr
    assert sorted(path.name for path in theirs.iterdir()) == ["matplotlibrc", "scenario.toml"]

    for user, reason in ((65534, "belongs to another user"), (0, "Permission denied")):
        given_to(user, mine / "cache")
        shutil.rmtree(mine / "cache" / "kernels", ignore_errors=True)
        command = [*AS_SOMEBODY, sys.executable, "-m", "neurosim", "info"]
        told = subprocess.run(command, cwd=mine, env=environment, capture_output=True, text=True, timeout=600)
        assert told.returncode == 0, told.stderr
        assert told.stderr.count("Warning: compiled kernels cannot be kept in") == 1, told.stderr
        assert reason in told.stderr
