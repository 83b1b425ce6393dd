"""Hostile folders of students harm nothing: each is a row of the table, and nothing outside is read, written or run.

One class has them all, beside students who have done nothing wrong. A hook in every Python process that takes part
hears of each file that is opened, each piece of code that is executed, each program and each class that is unpickled.
"""

import csv
import os
import pickle
import random
import subprocess
import sys
import zipfile

import pytest
from sizes import sizes

from neurosim.classroom.returned import MOST_BYTES

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes links and pipes")

# Read by every Python process at its start.
HOOK = """
import os, sys

log = os.open(os.environ["HEARD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
watched = os.environ["WATCHED"] + os.sep

def hear(event, args):
    if event in ("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir") and args:
        # What is named from a descriptor is in a folder that was opened before.
        from_descriptor = event not in ("open", "os.listdir", "os.scandir") and args[-1] != -1
        # So are kernels in the folder of the cache.
        kernel = event == "open" and args[1] is None and str(args[0]).endswith((".nbc", ".tmp", ".py"))
        kernel = kernel and not os.path.dirname(str(args[0]))
        if isinstance(args[0], (str, bytes)) and not from_descriptor and not kernel:
            name = os.path.abspath(os.fsdecode(args[0]))
            if name.startswith(watched):
                os.write(log, f"{event} {os.path.realpath(name)!a}\\n".encode())
    elif event == "exec" and args[0].co_filename.startswith((watched, "./")):
        os.write(log, f"exec {args[0].co_filename!a}\\n".encode())
    elif event in ("subprocess.Popen", "os.system", "os.exec"):
        os.write(log, f"program {args[0]!a}\\n".encode())
    elif event == "pickle.find_class" and args[0] in ("os", "posix", "nt", "subprocess"):
        os.write(log, f"unpickled {args!a}\\n".encode())

sys.addaudithook(hear)
"""


class Evil:
    """Says so, where it is unpickled."""

    def __reduce__(self):
        return os.system, ("echo evil was here",)


def linked(name):
    def attack(rng, folder, outside):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(rng.choice((outside / "secret.toml", outside, "/dev/zero", "/etc/passwd", name)))

    return attack


def piped(rng, folder, outside):
    name = rng.choice(("answers.csv", "scenario.toml", "page.json"))
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)


def huge(rng, folder, outside):
    name = rng.choice(("answers.csv", "scenario.toml", "page.json"))
    with (folder / name).open("wb") as file:
        file.truncate(rng.choice((10_000_000, 1 << 40)))


def large_toml(rng, folder, outside):
    (folder / "scenario.toml").write_text(f'x = "{"x" * 10_000_000}"')


def nested(rng, folder, outside):
    depth = rng.choice((2_000, 30_000))
    (folder / "scenario.toml").write_text(rng.choice((f"a = {'[' * depth}", f"a = {'[' * depth}{']' * depth}")))
    (folder / "page.json").write_text("[" * 90_000)


def deep(rng, folder, outside):
    place = folder
    for _ in range(60):
        place = place / "run"
        place.mkdir()


def garbage(rng, folder, outside):
    for name in ("answers.csv", "scenario.toml", "page.json"):
        (folder / name).write_bytes(rng.randbytes(rng.choice((0, 1, 50, 5000))))


def archives(rng, folder, outside):
    (folder / "run").mkdir()
    with zipfile.ZipFile(folder / "run/model.safetensors", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../evil.py", bytes(5_000_000))
    for name in ("run/record.npz", "run/checkpoint.pkl", "run/summary.json", "answers.csv"):
        (folder / name).write_bytes(pickle.dumps(Evil()))


def modules(rng, folder, outside):
    for name in ("sitecustomize.py", "numpy.py", "evil.py", "conftest.py", "neurosim_plugins.py", "json.py"):
        (folder / name).write_text("import os\nos.system('echo evil was here')\n")


def names(rng, folder, outside):
    for name in (
        "\x1b]0;evil\x07.json",
        "a\nb.json",
        "=cmd|calc.json",
        "<script>alert(1)</script>.json".replace("/", ""),
    ):
        (folder / name).write_text(rng.choice(("{}", "[1]", "\x1b[2J")))
    for number in range(rng.choice((0, 300))):
        (folder / f"{number}.json").write_text("{}")


def run_of(rng, folder, outside):
    (folder / "run").mkdir()
    told = rng.choice(
        ('{"seed": "<b>", "final": {"train_loss": 1e999}}', '{"final": []}', "1", '{"seed": 1, "final": {}}')
    )
    (folder / "run/summary.json").write_text(told)


def linked_run(rng, folder, outside):
    (folder / "run").symlink_to(outside)


def unreadable(rng, folder, outside):
    (folder / "answers.csv").write_text(
        "line,answer\n" + rng.choice(("=cmd|' /C calc'!A0,1\n", "1,=1+1\n", '1,"\n', "1,1\n1,1\n"))
    )


def scenario(*choices):
    """Change the text of the scenario."""

    def attack(rng, folder, outside):
        path = folder / "scenario.toml"
        old, new = rng.choice(choices)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new.replace("{outside}", str(outside)), 1))

    return attack


DATA, TRAINING, LAST = 'source = "xor"', "[training]", "[data]"
CSV = 'source = "csv"\ntarget = "b"\nfile = '
ATTACKS = [
    linked("answers.csv"), linked("scenario.toml"), linked("page.json"), piped, huge, large_toml, nested, deep, garbage,
    archives, modules, names, run_of, linked_run, unreadable,
    scenario(
        (DATA, f'{CSV}"{{outside}}/rows.csv"'), (DATA, f'{CSV}"../../../outside/rows.csv"'),
        (DATA, f'{CSV}"/dev/zero"'),
        (DATA, 'source = "images"\nfolder = "{outside}"'), (DATA, 'source = "mnist"'), (DATA, f'{CSV}"/dev/stdin"'),
    ),
    scenario(
        (LAST, '[requires]\nplugins = ["evil @ file://{outside}/evil.py"]\n[data]'),
        (TRAINING, '[training]\nobservers = ["csv"]'), (TRAINING, '[training]\nobservers = ["tensorboard"]'),
        ('"tanh"', '"evil:f"'), ('"tanh"', '"os.system"'), ("units = 6", 'init = "{outside}/evil.py"\nunits = 6'),
        (LAST, "[[variants]]\nname = 'a'\n[[variants]]\nname = 'b'\n[data]"),
        (LAST, "[sweep]\nseeds = 1000000\n[data]"),
    ),
    scenario(
        ("units = 6", "units = 1_000_000_000"), ("units = 6", "units = 30_000_000"), ("units = 6", "units = 100_000"),
        ("epochs = 20", "epochs = 1_000_000_000"), ("units = 6", "units = -1"), ("lr = 0.05", "lr = 1e300"),
        ("epochs = 20", "repeats = 1000\nepochs = 20"), ("units = 6", f"units = {'9' * 5000}"),
    ),
    scenario(
        ('name = "xor"', 'name = "../../../evil"'), ('title = "', 'title = "\\u001b]0;evil\\u0007'),
        ('title = "', 'title = "<script>alert(1)</script>'), ("seed = ", "seed = 1"), ("seed = ", "seed = -"),
    ),
]  # fmt: skip


def snapshot(folder):
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() and not path.is_symlink() else b"")
        for path in sorted(folder.rglob("*"))
    }


def neurosim(cwd, environment, *words):
    command = [sys.executable, "-m", "neurosim", "class", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=3000)


@sizes(short=len(ATTACKS), full=1000, ci=True)
def test_hostile_students_are_rows_of_the_table(count, tmp_path):
    home, outside, hook = (tmp_path / name for name in ("home", "outside", "hook"))
    for folder in (home, outside, hook):
        folder.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    (outside / "secret.toml").write_text("[secret]\n")
    (outside / "summary.json").write_text("{}")
    (outside / "rows.csv").write_text("a,b\n0,1\n1,0\n")
    (outside / "evil.py").write_text("import os\nos.system('echo evil was here')\n")
    (tmp_path / "students.csv").write_text(
        "name\nGood\n" + "".join(f"Hostile {n}\n" for n in range(count)) + "Better\n"
    )
    made = neurosim(
        home,
        os.environ,
        "new",
        "7b",
        "--students",
        tmp_path / "students.csv",
        "--scenario",
        short_xor(tmp_path),
        "--path",
    )
    assert made.returncode == 0, made.stderr
    students = home / "7b/students"
    folders = sorted(students.iterdir())
    for number, folder in enumerate(folders[1:-1]):
        rng = random.Random(f"class {number}")
        ATTACKS[number % len(ATTACKS)](rng, folder, outside)
    (students / "\x1b[2J\n=cmd").mkdir()
    good = (home / "7b/solutions" / folders[0].name / "answers.csv").read_bytes()
    (folders[0] / "answers.csv").write_bytes(good)
    before = snapshot(outside), snapshot_names(home)

    heard = tmp_path / "heard"
    environment = os.environ | {
        # An empty part would be the current folder.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH")])),
        "HEARD": str(heard),
        "WATCHED": str(tmp_path),
    }
    # From the folder of a student with modules of his own.
    done = neurosim(
        folders[1 + ATTACKS.index(modules)], environment, "collect", home / "7b", "--seconds", 10, "--memory", 256
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "evil was here" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert snapshot(outside) == before[0]
    assert snapshot_names(home) == before[1] | {"7b/marks.csv", "7b/marks.html"}
    told = [line.split(" ", 1) for line in heard.read_text().splitlines()]
    changes = {"os.remove", "os.rename", "os.mkdir"}
    assert {event for event, _ in told} <= {"open", "os.scandir", "os.listdir"} | changes, told
    places = tuple(map(str, (outside, students)))
    assert not [name for event, name in told if event in changes and unquoted(name).startswith(places)]
    opened = [unquoted(name) for event, name in told if event == "open"]
    assert not [name for name in opened if name.startswith(str(outside))]
    inside = [os.path.relpath(name, students).split(os.sep, 1) for name in opened if name.startswith(str(students))]
    assert {rest for _, rest in inside if not rest.endswith(".json")} <= MOST_BYTES.keys()
    assert len(inside) > count

    with (home / "7b/marks.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["folder"]: row for row in csv.DictReader(file)}
    assert len(rows) == count + 2
    first, last = rows[folders[0].name], rows[folders[-1].name]
    assert (first["answers_right"], first["answers_asked"]) == ("13", "13")
    assert (first["epochs"], last["epochs"]) == ("20", "20")
    assert first["rank"] == last["rank"] == ""
    assert first["remarks"] == last["remarks"] == "the network is the one that was handed out"
    page = (home / "7b/marks.html").read_text()
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert not [cell for row in rows.values() for cell in row.values() if cell.startswith(("=", "@"))]
    print({row["remarks"] for row in rows.values()})


def short_xor(folder):
    """The scenario xor with few epochs."""
    from neurosim.scenario import shipped

    path = folder / "short.toml"
    path.write_text(shipped()["xor"].read_text().replace("epochs = 400", "epochs = 20"))
    return path


def snapshot_names(home):
    return {
        os.path.join(os.path.relpath(place, home), name).removeprefix("./")
        for place, _, found in os.walk(home)
        for name in found
    }


def unquoted(shown):
    return shown[1:-1]
