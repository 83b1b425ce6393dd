"""The Python section of the README runs, as it stands there, in an empty folder."""

import re
from pathlib import Path

from neurosim.analysis import frames

README = Path(__file__).parents[2] / "README.md"


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    text = README.read_text(encoding="utf-8")
    section = text[text.index("## From Python") :].split("\n## ", 2)[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 2
    monkeypatch.chdir(tmp_path)
    # Each frame of a film takes as long as a picture.
    monkeypatch.setattr(frames, "MOST_FRAMES", 4)
    names = {}
    for block in blocks:
        exec(block, names)
    # What it says that is printed is printed.
    (said,) = re.findall(r"print\(result\)  # (.*?), \.\.\.>", section)
    assert capsys.readouterr().out.startswith(said)
    assert names["result"].met
    assert (tmp_path / "xor.gif").is_file()
    assert (tmp_path / "xor.html").is_file()
