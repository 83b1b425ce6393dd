"""``neurosim predict``: a trained network, from its file alone, answers for new rows."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.given import RunPath
from neurosim.cli.options import (
    BACKEND,
    FORCE,
    JSON,
    THREADS,
    FilePath,
    print_json,
    say_mixed,
)
from neurosim.cli.sources import Sources, with_sources
from neurosim.printable import labels, quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from neurosim.runs.answering import Model

# Rows, and outputs of a row.
SHOWN, MOST_COLUMNS = 20, 12


@click.command()
@click.argument("model", required=False, type=RunPath(), metavar="MODEL")
@click.option(
    "--data",
    type=FilePath(),
    metavar="FILE",
    help="The rows: a CSV file with named columns, an IDX file (.gz), a PNG or JPEG file, or a folder of such.",
)
@click.option("--out", type=FilePath(), metavar="FILE", help="Write all answers to a CSV file.")
@BACKEND
@THREADS
@with_sources(FORCE)
@JSON
def command(
    model: Path | None,
    data: Path | None,
    out: Path | None,
    backend: str,
    threads: int | None,
    sources: Sources,
    as_json: bool,
) -> None:
    """Let MODEL answer for the rows of a file: the folder of a run, its model.safetensors, or "last".

    The file has raw values, as the training data had: they are scaled as in training, and so are the answers, back
    into the units of the target. Columns of a CSV file are found by name; others, such as the target, are left out.
    """
    if model is None or data is None:
        what = "which model, and which rows" if model is None else "which rows"
        raise click.UsageError(f"{what}? Try: neurosim predict {quoted(model or 'last')} --data flowers.csv")
    from neurosim.runs.prediction import load_model

    loaded = load_model(model, backend=backend, threads=threads, registry=sources.registry, force=sources.force)
    outputs = loaded.outputs(loaded.read(data))
    files = _files(data)
    say_mixed(loaded.mixed)
    if out is not None:
        from neurosim.files.atomic import write_atomically

        write_atomically(out, _table(loaded, outputs, files))
    if as_json:
        print_json(_as_json(loaded, data, outputs, files))
    else:
        _print(loaded, outputs, out, files)


def _files(data: Path) -> list[str]:
    """Names of the images, a row each; none of a table."""
    from neurosim.data.image_files import files_to_answer_for, holds_images

    if not holds_images(data):
        return []
    root = data if data.is_dir() else data.parent
    return [path.relative_to(root).as_posix() for path in files_to_answer_for(data)]


def _columns(model: Model) -> list[str]:
    """Headings of the outputs."""
    count = model.network.answers
    if len(model.classes) == count:
        return list(model.classes)
    if model.classes:
        return [f"output (above {model.network.loss.record.threshold:g}: {model.classes[1]})"]
    if model.targets:
        return list(model.targets)
    return ["value"] if count == 1 else [f"value {number + 1}" for number in range(count)]


def _table(model: Model, outputs: NDArray[Any], files: list[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    named = ["prediction"] if model.classes else []
    writer.writerow(["file" if files else "row", *named, *_columns(model)])
    rows = zip(files or range(1, len(outputs) + 1), model.answers(outputs), outputs.tolist(), strict=True)
    for row, answer, values in rows:
        writer.writerow([row, *([answer] if named else []), *values])
    return text.getvalue()


def _as_json(model: Model, data: Path, outputs: NDArray[Any], files: list[str]) -> dict[str, Any]:
    answers = model.answers(outputs).tolist()
    rows = [
        {"class": answer, "outputs": row} if model.classes else {"outputs": row}
        for answer, row in zip(answers, outputs.tolist(), strict=True)
    ]
    if files:
        rows = [{"file": file, **row} for file, row in zip(files, rows, strict=True)]
    return {
        "model": str(model.path),
        "data": str(data),
        "rows": len(outputs),
        **({"mixed": model.mixed} if model.mixed else {}),
        "classes": list(model.classes) or None,
        "predictions": rows,
    }


def _print(model: Model, outputs: NDArray[Any], out: Path | None, files: list[str]) -> None:
    headings, surest = list(labels(_columns(model))), len(_columns(model)) > MOST_COLUMNS
    if surest:
        # Of many outputs the largest, or of many values the first.
        headings = ["its output"] if model.classes else headings[:MOST_COLUMNS]
    names = dict(zip(model.classes, labels(model.classes), strict=True))
    widths = [max(len(heading), 8) for heading in headings]
    rows = labels(files[:SHOWN]) if files else [f"{number:>6}" for number in range(1, len(outputs[:SHOWN]) + 1)]
    place = max(map(len, ("file", *rows))) if files else 6
    first = max(len("prediction"), *map(len, names.values())) if model.classes else 0
    click.echo(
        (f"{'file':<{place}}  " if files else f"{'row':>{place}}  ")
        + (f"{'prediction':<{first}}  " if first else "")
        + "  ".join(f"{heading:>{width}}" for heading, width in zip(headings, widths, strict=True))
    )
    shown = outputs[:SHOWN]
    for name, answer, row in zip(rows, model.answers(shown), shown.tolist(), strict=True):
        if surest:
            row = [max(row)] if model.classes else row[:MOST_COLUMNS]
        # Probabilities, or values in units of their own, such as 286,306.
        texts = (f"{value:.4g}" if model.classes else f"{value:,.6g}" for value in row)
        values = "  ".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True))
        click.echo(f"{name:<{place}}  " + (f"{names[answer]:<{first}}  " if first else "") + values)
    if surest:
        click.echo(f"   ... {len(_columns(model)):,} outputs for each row; --out FILE writes all, --json prints all")
    if len(outputs) > SHOWN:
        where = f"all in {out}" if out is not None else "--out FILE writes all, --json prints all"
        click.echo(f"   ... {len(outputs):,} rows; {where}")
    elif out is not None:
        click.echo(f"written to {out}")
