"""The cache of compiled kernels: nothing in it can be another user's, however folders are renamed.

Another user is one for real where the tests run as root; what an unprivileged user can set up is tried everywhere.
"""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from neurosim.files.private import PrivateFolder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="users and permissions of POSIX")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="other users: needs root")
STRANGER = 65534


@pytest.fixture
def umask():
    """Sets the umask of this process, until the test is over."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.fixture
def place(umask):
    """A folder that all may look into, as the ones above it.

    None of pytest's own: each session that begins closes the folder of all of the user's sessions to others.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        for each in (folder, *folder.parents):
            if not each.stat().st_mode & stat.S_IXOTH:
                each.chmod(each.stat().st_mode | 0o055)
        yield folder


def refused(path, what):
    with pytest.raises(PermissionError) as caught:
        PrivateFolder(path)
    assert what in str(caught.value)
    return True


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_what_is_made_is_private_whatever_the_umask(tmp_path, umask, mask):
    umask(mask)
    PrivateFolder(tmp_path / "a" / "b" / "c").write("file", b"text")
    for path in (tmp_path / "a").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0
    assert PrivateFolder(tmp_path / "a" / "b" / "c").read("file") == b"text"


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_parent_that_others_may_write_to_is_refused_unless_it_is_sticky(tmp_path, umask, mode):
    PrivateFolder(tmp_path / "open" / "below" / "cache")
    (tmp_path / "open").chmod(mode)
    assert refused(tmp_path / "open" / "below" / "cache", f"{tmp_path / 'open'} can be changed by other users")
    (tmp_path / "open").chmod(0o1777)
    PrivateFolder(tmp_path / "open" / "below" / "cache")
    # The folder itself is closed in any case.
    (tmp_path / "open" / "below" / "cache").chmod(0o1777)
    assert refused(tmp_path / "open" / "below" / "cache", "cache can be changed by other users")


def test_a_group_may_write_to_a_parent_only_where_it_is_the_user_s_own(tmp_path, umask, monkeypatch):
    import grp

    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o770)
    own = grp.struct_group(("somebody", "x", os.getgid(), []))
    for members in ([], ["another"]):
        user = __import__("pwd").getpwuid(os.geteuid())
        found = grp.struct_group((user.pw_name, "x", user.pw_gid, members))
        monkeypatch.setattr(grp, "getgrgid", lambda group, found=found: found)
        os.chown(tmp_path / "open", -1, user.pw_gid)
        if members:
            assert refused(tmp_path / "open" / "cache", "open can be changed by other users")
        else:
            PrivateFolder(tmp_path / "open" / "cache")
    monkeypatch.setattr(grp, "getgrgid", lambda group: own)
    assert refused(tmp_path / "open" / "cache", "open can be changed by other users")


def test_links_on_the_way_are_followed_where_only_the_user_can_have_made_them(tmp_path, umask):
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("there/deep/..")
    (tmp_path / "round").symlink_to("round")
    PrivateFolder(tmp_path / "link" / "cache").write("file", b"text")
    assert (tmp_path / "there" / "cache" / "file").read_bytes() == b"text"
    with pytest.raises(OSError, match="symbolic links"):
        PrivateFolder(tmp_path / "round" / "cache")
    (tmp_path / "there").chmod(0o777)
    assert refused(tmp_path / "link" / "cache", "there can be changed by other users")


def test_what_is_no_file_of_the_user_s_own_is_not_read(tmp_path, umask):
    folder = PrivateFolder(tmp_path / "cache")
    (tmp_path / "secret").write_bytes(b"text")
    (tmp_path / "cache" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "cache" / "pipe")
    folder.write("open", b"text")
    (tmp_path / "cache" / "open").chmod(0o666)
    for name in ("link", "pipe", "open"):
        with pytest.raises(OSError, match=r"symbolic links|is not a file|can be changed"):
            folder.read(name)
    assert folder.read("nothing") is None


def test_a_folder_that_is_renamed_away_stays_the_one_that_was_checked(tmp_path, umask):
    folder = PrivateFolder(tmp_path / "cache")
    folder.write("file", b"ours")
    (tmp_path / "cache").rename(tmp_path / "moved")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "file").write_bytes(b"theirs")
    assert folder.read("file") == b"ours"
    folder.write("file", b"ours again")
    assert (tmp_path / "moved" / "file").read_bytes() == b"ours again"
    assert (tmp_path / "cache" / "file").read_bytes() == b"theirs"


def test_what_cannot_be_written_whole_leaves_nothing(tmp_path, umask):
    import resource

    folder = PrivateFolder(tmp_path / "cache")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            folder.write("file", b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "cache").iterdir()) == []


# A victim loads kernels, a stranger puts what is evil wherever on the way he can, and the victim loads them again: the
# same process, then another one. All is loaded before the users change, who may not be able to read this Python.
ATTACK = r"""
import grp, os, pickle, pwd, sys, tempfile, traceback
from dataclasses import replace
from pathlib import Path
from neurosim import build_registry
from neurosim.backends import kept_files
from neurosim.backends.cpu.kernels import activation_kernels

shared, evidence, mode = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3], 8)
STRANGER, VICTIM = 65534, 54321
tanh = build_registry().activations.get("tanh")

class Evil:
    def __reduce__(self):
        return os.system, (f"touch {evidence}/by-$(id -u)",)

def kernels():
    for name in [name for name in sys.modules if name.startswith("neurosim_activation")]:
        del sys.modules[name]
    # A new record: those of one that is known are not loaded again.
    return activation_kernels(replace(tanh))

def evil(name, text):
    pickled = pickle.dumps(Evil())
    if name.endswith(".py"):
        return (text.decode() + f"\nimport os; os.system('touch {evidence}/by-code')\n").encode()
    return pickled + kept_files.checksum(name, pickled)

def plant(names):
    # From the innermost folder outwards; what can be renamed is replaced by the same, but evil.
    folders = [folder for folder in [*shared.rglob("*"), shared] if folder.is_dir()]
    folders.sort(key=lambda folder: -len(folder.parts))
    planted = 0
    for folder in folders:
        try:
            folder.rename(folder.with_name("was-" + folder.name))
        except OSError:
            continue
        for name, text in names.items():
            if Path(name).is_relative_to(folder):
                path = Path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(evil(path.name, text))
                planted += 1
        return planted
    return planted

def forked(user, work):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            os.umask(0)
            work()
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    return child

def ended(child):
    assert os.waitpid(child, 0)[1] == 0

# Compiled, not loaded from a warm cache: only then is everything imported that compiling needs.
with tempfile.TemporaryDirectory() as cold:
    os.environ["NEUROSIM_CACHE"] = cold
    kernels()
os.environ["NEUROSIM_CACHE"] = str(shared / "neurosim")
(wait, go), (tell, ready) = os.pipe(), os.pipe()

def victim():
    os.close(go)  # With an end of his own he would wait for ever for one who has failed.
    kernels()
    os.write(ready, b"r")
    assert os.read(wait, 1), "nobody says that the attack is over"
    kernels()

running = forked(VICTIM, victim)
os.close(ready)  # So that a victim who ends early is noticed.
assert os.read(tell, 1), "the victim ended early"
names = {str(path): path.read_bytes() for path in shared.rglob("*") if path.is_file()}
print("kept", len(names))
shared.chmod(mode)
def attack():
    print("planted", plant(names))
ended(forked(STRANGER, attack))
os.write(go, b"g")
ended(running)
ended(forked(VICTIM, kernels))
"""


@as_root
@pytest.mark.ci
@pytest.mark.parametrize(
    ("before", "during"),
    [(0o1777, 0o1777), (0o1777, 0o777), (0o777, 0o777)],
    ids=["a folder like /tmp", "a folder that is opened later", "an open folder"],
)
def test_nothing_of_another_user_who_renames_folders_is_executed(place, before, during):
    shared, evidence = place / "shared", place / "evidence"
    for folder, mode in ((shared, before), (evidence, 0o777)):
        folder.mkdir()
        folder.chmod(mode)
    command = [sys.executable, "-c", ATTACK, str(shared), str(evidence), oct(during)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert list(evidence.iterdir()) == [], done.stdout
    kept, planted = (int(line.split()[1]) for line in done.stdout.splitlines())
    # Where the folder is open from the start nothing is kept; where it is opened later the attack does hit.
    assert (kept > 0, planted > 0) == (before == 0o1777, (before, during) == (0o1777, 0o777)), done.stdout
    assert ("can be changed by other users" in done.stderr) == (during == 0o777)


@as_root
def test_folders_and_files_of_another_user_are_refused(place):
    folder = PrivateFolder(place / "cache")
    folder.write("file", b"text")
    os.chown(place / "cache" / "file", STRANGER, STRANGER)
    with pytest.raises(PermissionError, match="file belongs to another user"):
        folder.read("file")
    os.chown(place / "cache", STRANGER, STRANGER)
    with pytest.raises(PermissionError, match="cache belongs to another user"):
        folder.read("file")
    for path in (place / "cache", place / "cache" / "below"):
        assert refused(path, "cache belongs to another user")
    (place / "link").symlink_to(place)
    os.chown(place / "link", STRANGER, STRANGER, follow_symlinks=False)
    assert refused(place / "link" / "mine", "link belongs to another user")
