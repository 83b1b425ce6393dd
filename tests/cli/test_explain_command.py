"""``neurosim explain``: ways to print, homework, and what goes wrong."""

import pytest


def test_a_sheet_on_the_terminal(neurosim):
    done = neurosim("explain", "xor")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("XOR: what one layer cannot draw, two can\n=====")
    assert "All gradients agree" in done.out


@pytest.mark.parametrize(("kind", "begins"), [("markdown", "# XOR"), ("html", "<!doctype html>"), ("text", "XOR: ")])
def test_a_sheet_in_a_file(neurosim, tmp_path, kind, begins):
    done = neurosim("explain", "xor", "--format", kind, "--out", "sheets/a b.x")
    assert (done.code, done.err) == (0, "")
    assert done.out == "Worksheet: sheets/a b.x\n"
    assert (tmp_path / "sheets" / "a b.x").read_text(encoding="utf-8").startswith(begins)


@pytest.mark.parametrize(("kind", "begins"), [("markdown", "# XOR"), ("html", "<!doctype html>"), ("text", "XOR: ")])
def test_one_path_is_printed_like_the_full_sheet(neurosim, kind, begins):
    done = neurosim("explain", "xor", "--path", "--unit", 2, "--format", kind)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert "a1[2]" in done.out.replace("\\", "")
    assert "a1[1]" not in done.out.replace("\\", "")


def test_homework_and_its_answers(neurosim, tmp_path):
    done = neurosim("explain", "xor", "--blank", "--seed", 3, "--format", "markdown")
    assert done.code == 0
    sheet = (tmp_path / "xor-seed-3-worksheet.md").read_text(encoding="utf-8")
    answers = (tmp_path / "xor-seed-3-answers.md").read_text(encoding="utf-8")
    assert sheet.count("_______") > 50
    assert "_______" not in answers
    assert all(name in done.out for name in ("xor-seed-3-worksheet.md", "xor-seed-3-answers.md"))


def test_of_variants_the_first_unless_another_is_named(neurosim):
    first = neurosim("explain", "depth")
    assert first.code == 0
    assert "This is variant" in first.err
    assert "--variant explains another one" in first.err
    name = first.err.rpartition(": ")[2].split(",")[0].strip()
    other = neurosim("explain", "depth", "--variant", name)
    assert (other.code, other.err) == (0, "")
    assert f"variant {name}" in other.out


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (2, (), "which scenario? Try: neurosim explain xor"),
        (3, ("xorr",), "Shipped scenarios with similar names: xor"),
        (2, ("xor", "--sample", 9), "a sample is a number from 0 to 3"),
        (2, ("xor", "--step", 1000), "training has 400 steps"),
        (2, ("depth", "--variant", "nothing"), "nothing"),
        (2, ("xor", "--format", "pdf"), "text"),
        (2, ("xor", "--unit", 2), "--unit goes with --path"),
        (2, ("xor", "--path", "--unit", 9), "a unit is a number from 1 to 6"),
    ],
)
def test_mistakes(neurosim, code, words, message):
    done = neurosim("explain", *words)
    assert done.code == code
    assert message in done.err
    assert "Traceback" not in done.err
