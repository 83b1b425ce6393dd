"""What is checked before a change is accepted: ``nox -s lint types fast``; ``nox --list`` shows all sessions.

Each session has an environment of its own; words after ``--`` go to pytest:  ``nox -s fast -- tests/cli``.
"""

import nox

nox.options.sessions = ["lint", "types", "fast"]
# An environment is kept from one call to the next.
nox.options.reuse_existing_virtualenvs = True


@nox.session
def lint(session):
    """Style, common mistakes and layout."""
    session.install("ruff>=0.6")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session):
    """Types, strictly."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def fast(session):
    """The default tests: about three minutes on two cores."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def full(session):
    """All that must hold on every change: the default tests, and those that the default leaves out for their length."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)
    session.run("python", "-m", "pytest", "-m", "ci", *session.posargs)


@nox.session
def slow(session):
    """The reliability harnesses in full, and every lesson from five seeds: hours."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "-n", "0", "-m", "slow", *session.posargs)
    session.run("python", "-m", "pytest", "-n", "0", "-m", "lessons", *session.posargs)


@nox.session
@nox.parametrize("toolkit", ["12.9", "13.0"])
def kernels(session, toolkit):
    """The CUDA kernels, compiled and linked for seven generations of GPUs, by the toolkits of CUDA 12 and 13."""
    extra = f"cuda{toolkit.partition('.')[0]}"
    session.install("-e", f".[test,{extra}]", f"cuda-toolkit=={toolkit}.*", "nvidia-cuda-nvdisasm")
    place, settings = "tests/backends/cuda/test_cuda_compile.py", {"NUMBA_ENABLE_CUDASIM": "0"}
    session.run("python", "-m", "pytest", "--dist", "load", "-m", "slow", place, *session.posargs, env=settings)


@nox.session
def emulator(session):
    """The CUDA kernels, compiled, on this machine's processor."""
    session.install("-e", ".[test,cuda13]", "cuda-toolkit==13.0.*")
    settings = {"NEUROSIM_TEST_GPU": "emulator"}
    session.run("python", "-m", "pytest", "--dist", "load", "tests/cuda_emulator", *session.posargs, env=settings)


@nox.session
def gpu(session):
    """The tests that need an NVIDIA GPU, on one."""
    session.install("-e", ".[test,cuda13]")
    # Where they are; and each on any worker, since compiling takes nearly all of the time.
    places = ["tests/backends", "tests/builtins", "tests/network", "tests/oracles", "tests/plugin", "tests/training"]
    options = ["-m", "gpu", "--dist", "load", "tests/test_randomness.py"]
    session.run("python", "-m", "pytest", *options, *places, *session.posargs, env={"NEUROSIM_TEST_GPU": "1"})


@nox.session
def docs(session):
    """Write the generated pages again, and run what the pages say."""
    session.install("-e", ".[test]")
    session.run("python", "docs/glossary_page.py")
    session.run("python", "docs/notebook_outputs.py")
    pages = ["tests/report/test_glossary.py", "tests/interactive/test_notebook.py", "tests/interactive/test_readme.py"]
    pages += ["tests/plugin/test_docs.py", "tests/data/test_data_page.py", "tests/project"]
    session.run("python", "-m", "pytest", *pages, *session.posargs)
