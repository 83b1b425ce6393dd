"""Some mutants of plugins, in a process of their own: trained with, or refused in a sentence.

`tests/reliability` has many more, compiled too.
"""

import json
import random
import subprocess
import sys

from plugin_mutants import PLUGINS, mutant, settings_of

SCENARIO = """
[scenario]
name = "tried"
title = "What mutants are tried with"

[data]
source = "xor"

[network]
loss = "mse"

[[network.layers]]
kind = "dense"
units = 3
activation = "tanh"

[[network.layers]]
kind = "dense"
units = 2

[optimizer]
name = "sgd"

[training]
epochs = 1
"""
# Writes, trains and answers one plugin after the other: a line for each.
TRIED = """
import contextlib, io, json, pathlib, sys
from neurosim.cli.application import execute
for number, (text, changes) in enumerate(json.load(sys.stdin)):
    pathlib.Path(f"mutant_{number}.py").write_text(text)
    words = ["run", "s.toml", "--plugin", f"mutant_{number}.py", "--backend", "reference", "--no-report", "--quiet"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = execute([*words, "--out", str(number), *(word for change in changes for word in ("--set", change))])
    print(json.dumps([code, said.getvalue()]), flush=True)
"""


def test_mutants_are_trained_with_or_refused(tmp_path):
    (tmp_path / "s.toml").write_text(SCENARIO)
    given = [(mutant(plugin, random.Random(0)), settings_of(plugin)) for plugin in PLUGINS.values()]
    done = subprocess.run(
        [sys.executable, "-c", TRIED],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for (text, _), (code, said) in zip(given, answers, strict=True):
        assert code in (0, 2, 4), said + text
        assert code == 0 or "Error: " in said, said + text
        assert "Traceback" not in said, said + text
        assert "unexpected" not in said, said + text
