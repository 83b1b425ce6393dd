"""``neurosim class``: from the list of students to the marks."""

import csv
import json
import os
import shutil
from types import SimpleNamespace

import pytest

import neurosim
from neurosim.cli.application import execute


@pytest.fixture
def call(capsys):
    def called(*words):
        code = execute(["class", *map(str, words)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return called


def made(tmp_path, call, *more, scenario="xor", names="id,name\n1,Ada\n2,=Bob\n3,Cleo\n4,Dan\n5,Eve\n"):
    (tmp_path / "students.csv").write_text(names)
    done = call("new", tmp_path / "7b", "--students", tmp_path / "students.csv", "--scenario", scenario, *more)
    assert done.code == 0, done.err
    return tmp_path / "7b"


def solve(folder, whose, wrong=0, to=None):
    """Fill in the answers of a student, the first few of them wrong."""
    with (folder / "solutions" / whose / "answers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[1 : 1 + wrong]:
        row[2] = str(float(row[2]) + 1)
    with (folder / "students" / (to or whose) / "answers.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def change(folder, whose, old, new):
    path = folder / "students" / whose / "scenario.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_from_the_list_to_the_marks(tmp_path, call):
    folder = made(tmp_path, call, "--path", "--due", "2026-12-24")
    ada, bob, cleo, dan, eve = (f"{n}-{name}" for n, name in enumerate(("ada", "bob", "cleo", "dan", "eve"), 1))
    solve(folder, ada)
    change(folder, ada, "units = 6", "units = 12")
    solve(folder, bob, wrong=2)
    change(folder, bob, "epochs = 400", "epochs = 1")
    solve(folder, ada, to=cleo)
    change(folder, cleo, "epochs = 400", "epochs = 1_000_000")
    (folder / "students" / dan / "scenario.toml").unlink()
    (folder / "students" / dan / "answers.csv").unlink()
    (folder / "students" / dan / "answers.csv").symlink_to(tmp_path / "students.csv")
    (folder / "students" / dan / "later.json").write_text("[" * 50_000)
    shutil.rmtree(folder / "students" / eve)
    (folder / "students" / "zoe").mkdir()
    late = 1_900_000_000
    os.utime(folder / "students" / bob / "answers.csv", (late, late))

    done = call("collect", folder, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["measure"], told["strangers"]) == ("train_accuracy", ["zoe"])
    rows = {row["folder"]: row for row in told["students"]}
    assert [row["rank"] for row in told["students"]] == [1, 2, None, None, None]
    assert rows[ada]["answers_right"] == rows[ada]["answers_asked"] == 13
    assert (rows[ada]["value"], rows[ada]["parameters"], rows[ada]["remarks"], rows[ada]["late"]) == (1, 49, "", False)
    assert (rows[bob]["answers_right"], rows[bob]["remarks"], rows[bob]["late"]) == (11, "wrong in lines 1, 2", True)
    assert "scenario.toml: trains for 1,000,000 epochs; 4,000 are allowed" in rows[cleo]["remarks"]
    assert "of 13 answers are right for Ada" in rows[cleo]["remarks"]
    assert "answers.csv is a link" in rows[dan]["remarks"]
    assert rows[eve]["remarks"] == "nothing came back"
    page = (folder / "marks.html").read_text()
    assert "Class 7b" in page
    assert "nothing came back" in page
    with (folder / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        marks = {row["folder"]: row for row in csv.DictReader(file)}
    assert marks[bob]["name"] == "'=Bob"
    assert marks[bob]["late"] == "yes"


def test_runs_and_pages(tmp_path, call):
    folder = made(tmp_path, call, scenario="try-hidden-units", names="name\nAda\nBob\nCleo\n")
    manifest = json.loads((folder / "class.json").read_text())
    assert "Answer the questions" in (folder / "students/1-ada/README.txt").read_text()
    seed = manifest["students"][0]["seed"]
    questions = neurosim.load_scenario("try-hidden-units").play.questions
    answers = [{"ask": each.ask, "given": each.answer or "reached", "right": True} for each in questions]
    page = {"format": "neurosim-answers-1", "name": "Ada", "scenario": "try-hidden-units", "answers": answers}
    (folder / "students/1-ada/mine.json").write_text(json.dumps(page))
    (folder / "students/2-bob/mine.json").write_text(json.dumps(page | {"scenario": "xor"}))
    for whose, final in (("1-ada", {"train_loss": 0.0}), ("2-bob", {"train_loss": "?"}), ("3-cleo", None)):
        (folder / "students" / whose / "run").mkdir()
        (folder / "students" / whose / "run/summary.json").write_text(json.dumps({"seed": seed, "final": final}))
    rows = {row["folder"]: row for row in json.loads(call("collect", folder, "--json").out)["students"]}
    right = sum(each.goal is not None or each.answer is not None for each in questions)
    assert rows["1-ada"]["page_right"] == right
    assert "the run says train_loss 0; trained again it is 0." in rows["1-ada"]["remarks"]
    assert (rows["2-bob"]["rank"], rows["2-bob"]["epochs"] > 0) == (None, True)
    assert "the network is the one that was handed out" in rows["2-bob"]["remarks"]
    assert "mine.json is about xor" in rows["2-bob"]["remarks"]
    for whose in ("2-bob", "3-cleo"):
        assert "run/summary.json is not that of a run" in rows[whose]["remarks"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("new", "a b", "--students", "s.csv", "--scenario", "xor"), "a class cannot be called 'a b'"),
        (("new", "7b", "--students", "no.csv", "--scenario", "xor"), "no.csv: no such file"),
        (("new", "7b", "--students", "s.csv", "--scenario", "xor", "--due", "soon"), "soon is no date such as"),
        (("new", "7b", "--students", "s.csv", "--scenario", "vanishing-gradient"), "trains several networks"),
        (
            ("new", "7b", "--students", "s.csv", "--scenario", "xor", "--tolerance", "nan"),
            "a share from 0 to 1, not nan",
        ),
        (("new", "full", "--students", "s.csv", "--scenario", "xor"), "full is there already"),
        (("new", "7b", "--students", "s.csv", "--scenario", "own.toml"), "reads files of your own"),
        (("collect", "full"), "class.json: no such file"),
        (("collect", "odd"), "class.json does not describe a class"),
        (("collect", "climbing"), "'../../etc' is no folder of a student"),
    ],
)
def test_wrong_words(tmp_path, call, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.csv").write_text("name\nAda\n")
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,0\n0,1\n" * 8)
    (tmp_path / "own.toml").write_text(
        '[scenario]\nname = "own"\ntitle = "Own"\n[data]\nsource = "csv"\nfile = "rows.csv"\ntarget = "b"\n'
        '[network]\nloss = "mse"\n[[network.layers]]\nkind = "dense"\nunits = 1\nactivation = "sigmoid"\n'
        '[optimizer]\nname = "sgd"\nlr = 0.1\n[training]\nepochs = 1\n'
    )
    manifest = {
        "format": "neurosim-class-1", "name": "c", "scenario": "xor", "steps": 0, "path": True, "due": "",
        "epochs": 1, "parameters": 1, "tolerance": 0.1,
        "students": [{"id": "1", "name": "A", "folder": "../../etc", "seed": 1}],
    }  # fmt: skip
    for name, text in (("full", None), ("odd", "[]"), ("climbing", json.dumps(manifest))):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("file" if text is None else "class.json")).write_text(text or "")
    done = call(*words)
    assert done.code in (2, 3)
    assert said in done.err
