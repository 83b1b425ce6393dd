"""``neurosim report``, and the page that ``neurosim run`` writes."""

import re

import pytest

QUICK = ("--quiet", "--set", "training.epochs=3", "--set", "expect={}")


def test_run_writes_a_page_unless_told_not_to(neurosim, tmp_path):
    done = neurosim("run", "xor", *QUICK[1:], "--out", "a")
    assert "All on one page: a/report.html" in done.out
    assert neurosim("run", "xor", *QUICK, "--out", "b", "--no-report").code == 0
    assert not (tmp_path / "b" / "report.html").exists()
    text = (tmp_path / "a" / "report.html").read_text()
    assert text.count("<img ") == 3
    # What is recorded for the page is asked for in the scenario that it leaves.
    assert "confusion" in (tmp_path / "a" / "scenario.toml").read_text()
    assert "confusion" not in (tmp_path / "b" / "scenario.toml").read_text()


def test_many_seeds(neurosim, tmp_path):
    done = neurosim("run", "xor", "--seeds", "12", "--out", "s")
    assert "All on one page: s/report.html" in done.out
    text = (tmp_path / "s" / "report.html").read_text()
    assert "met every expectation" in text
    assert text.count("<img ") == 1


def test_many_seeds_have_no_page_of_one_network(neurosim, tmp_path):
    rows = "\n".join(f"{k % 3},{k % 2},{'ab'[k % 2]}" for k in range(12))
    (tmp_path / "rows.csv").write_text(f"x,y,kind\n{rows}\n")
    quick = ("--backend", "reference", "--no-report", *QUICK)
    data = [f"data={{source='csv', file='{tmp_path / 'rows.csv'}', target='kind'}}"]
    assert neurosim("run", "xor", "--seeds", "2", "--out", "s", *quick, "--set", *data).code == 0
    done = neurosim("report", "s")
    assert (done.code, "  trains one of them." in done.err) == (3, True)
    # The command that it suggests can be followed.
    (words,) = re.findall(r"neurosim (run .*?)  trains", done.err)
    assert neurosim(*words.replace("N", "1").split(), "--out", "one", *quick).code == 0


def test_recording_for_the_page_changes_nothing_else(neurosim, tmp_path):
    neurosim("run", "moons", *QUICK, "--out", "a")
    neurosim("run", "moons", *QUICK, "--out", "b", "--no-report")
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert models[0] == models[1]


def test_a_page_again_and_elsewhere(neurosim, tmp_path):
    neurosim("run", "iris", *QUICK, "--out", "r", "--no-report")
    done = neurosim("report", "r")
    assert (done.code, done.out, done.err) == (0, "r/report.html\n", "")
    assert "Nothing was recorded during this run" in (tmp_path / "r" / "report.html").read_text()
    assert neurosim("report", "r", "--out", "here").out == "here/report.html\n"
    done = neurosim("report", "r", "--out", "there.html")
    assert (done.code, done.out) == (2, "")
    assert "--out takes a folder, into which report.html is written, such as: --out there\n" in done.err
    assert not (tmp_path / "there.html").exists()


@pytest.mark.ci
def test_a_study_and_runs_side_by_side(neurosim, tmp_path):
    neurosim("run", "loss-functions", *QUICK, "--out", "o", "--set", "scenario.repeats=1", "--set", "claims=[]")
    text = (tmp_path / "o" / "report.html").read_text()
    assert text.count('"label":') == 10
    assert neurosim("report", "o").out == "o/report.html\n"
    assert (tmp_path / "o" / "report.html").read_text() == text
    for name, rate in (("a", "0.1"), ("b", "0.01")):
        neurosim("run", "moons", *QUICK, "--out", name, "--set", f"optimizer.lr={rate}")
    done = neurosim("report", "a", "b", "--out", "both")
    assert done.out == "both/report.html\n"
    text = (tmp_path / "both" / "report.html").read_text()
    assert "<td>lr 0.1</td><td>0.1</td>" in text


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (2, (), "which run? Try: neurosim report last"),
        (3, ("nothing",), "there is no such run folder"),
        (2, ("iris", "moons"), "were measured on different rows"),
    ],
)
def test_mistakes(neurosim, code, words, message):
    for name in words[: len(words) * (len(words) == 2)]:
        neurosim("run", name, *QUICK, "--out", name, "--no-report")
    done = neurosim("report", *words)
    assert done.code == code
    assert message in done.err


def test_a_browser_is_asked_to_show_it(neurosim, monkeypatch):
    import click

    shown = []
    monkeypatch.setattr(click, "launch", lambda url: shown.append(url) or 1)
    neurosim("run", "and", *QUICK, "--out", "r")
    done = neurosim("report", "r", "--open")
    assert shown == ["r/report.html"]
    assert "No browser could be started here" in done.err
