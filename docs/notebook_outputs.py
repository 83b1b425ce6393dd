"""Run the notebooks and keep their outputs in them: ``python docs/notebook_outputs.py [NOTEBOOK]``.

Each runs in an empty folder. What differs from one run or machine to the next is left out: times, versions, and where
files lie.
"""

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

COLORS = 96
NOTEBOOKS = [Path(__file__).with_name(name) for name in ("notebook.ipynb", "pandas_to_pytorch.ipynb")]
# In a process of its own: the libraries of notebooks warn of themselves.
EXECUTE = """
import sys, warnings
warnings.simplefilter("ignore")
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
options = {"timeout": 300, "record_timing": False, "resources": {"metadata": {"path": sys.argv[3]}}}
NotebookClient(notebook, **options).execute()
nbformat.write(notebook, sys.argv[2])
"""


def execute(notebook: Path, folder: Path) -> dict:
    """The notebook with its outputs, run in a folder."""
    done = folder / "done.ipynb"
    environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "PYTHONWARNINGS": "default"}
    words = [sys.executable, "-c", EXECUTE, str(notebook), str(done), str(folder)]
    made = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(made.stderr[-3000:])
    return json.loads(done.read_text(encoding="utf-8"))


def smaller(picture: str) -> str:
    """A picture with few colors, which takes a third of the bytes."""
    file = io.BytesIO()
    made = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    # Small marks keep their own colors.
    made = made.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    made.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def joined(outputs: list) -> list:
    """What is printed comes in pieces, cut by the clock: as one."""
    found: list = []
    for output in outputs:
        stream = output["output_type"] == "stream"
        if stream and found and found[-1].get("name") == output["name"]:
            found[-1]["text"] = "".join(found[-1]["text"]) + "".join(output["text"])
        else:
            found.append(output)
    return found


def as_kept(executed: dict, before: dict) -> dict:
    """What is kept of an executed notebook: its cells with their outputs, under the metadata that it had."""
    for cell in executed["cells"]:
        cell["metadata"] = {}
        if "outputs" in cell:
            cell["outputs"] = joined(cell["outputs"])
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = smaller("".join(output["data"]["image/png"]))
    return {**executed, "metadata": before["metadata"]}


def main() -> None:
    """Write the outputs into the files."""
    for notebook in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
        before = json.loads(notebook.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            kept = as_kept(execute(notebook.resolve(), Path(folder)), before)
        notebook.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{notebook}: {notebook.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
