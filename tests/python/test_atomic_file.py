"""A file is the old one or the new one, wherever the writer dies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule as cr
from chainrule import atomic_file

CAMPAIGN = Path(__file__).parents[2] / ".ci" / "crash_campaign.py"

# A child dies at its n-th call of the operating system while it replaces the file, for every n; the file is whole, and the next writer
# tidies up.
CRASH_AT_EVERY_CALL = """
import fcntl, os, sys
from pathlib import Path
from chainrule import atomic_file
target = Path(sys.argv[1]) / "file"
old, new = b"old" * 1000, b"new" * 2000
calls = ["open", "write", "fsync", "close", "fstat"]

def die_at(n):
    count = 0
    def counted(real):
        def call(*arguments, **named):
            nonlocal count
            count += 1
            if count == n:
                os._exit(9)
            return real(*arguments, **named)
        return call
    for name in calls:
        setattr(os, name, counted(getattr(os, name)))
    fcntl.flock = counted(fcntl.flock)
    Path.rename = counted(Path.rename)

n, finished, seen = 0, False, set()
while not finished:
    n += 1
    target.write_bytes(old)
    child = os.fork()
    if child == 0:
        die_at(n)
        atomic_file.write(target, [new[:100], new[100:]], "test")
        os._exit(0)
    finished = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    content = target.read_bytes()
    assert content in (old, new), n
    seen.add(content)
    atomic_file.write(target, [old], "test")
    assert [entry.name for entry in target.parent.iterdir()] == ["file"], n
assert seen == {old, new}
print(n)
"""


def test_a_crash_at_any_call_leaves_the_old_file_or_the_new_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CRASH_AT_EVERY_CALL, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


def test_kill_9(tmp_path):
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), "--kills", "5", "--fits", "3", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kills" in done.stdout
    assert "3 kills of fits" in done.stdout


def test_files_of_living_writers_and_of_others_stay(tmp_path):
    target = tmp_path / "net"
    descriptor, beside = atomic_file._create_beside(target)  # a colleague who writes at the same time
    other = tmp_path / ".other.0123.tmp"
    other.touch()
    atomic_file.write(target, [b"mine"], "test")
    assert beside.exists()
    assert other.exists()
    assert target.read_bytes() == b"mine"
    import os

    os.close(descriptor)
    atomic_file.write(target, [b"mine again"], "test")
    assert not beside.exists()  # its writer is gone


def test_a_full_disk_leaves_the_old_file(tmp_path, run_python):
    """The system refuses to write beyond a limit, as it does on a full disk."""
    path = tmp_path / "net"
    code = f"""
import resource
from pathlib import Path
import chainrule as cr
path = Path({str(path)!r})
small = cr.Sequential([cr.Input(1), cr.Dense(1)])
small.save(path)
before = path.read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    cr.Sequential([cr.Input(100), cr.Dense(100)]).save(path)
except OSError as error:
    print(error)
assert path.read_bytes() == before
assert len(list(path.parent.iterdir())) == 1
cr.load(path)
"""
    assert "save: File too large" in run_python(code)


def test_too_little_memory_is_named_and_leaves_the_old_file(tmp_path, monkeypatch):
    import safetensors.numpy

    path = tmp_path / "net"
    model = cr.Sequential([cr.Input(1), cr.Dense(1)])
    model.save(path)
    before = path.read_bytes()

    def full(*arguments):
        raise MemoryError

    monkeypatch.setattr(safetensors.numpy, "save", full)
    with pytest.raises(MemoryError, match="save: expected memory for a file of"):
        model.save(path)
    assert path.read_bytes() == before


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    """As the system reports it; the test may run as root, who may write anywhere."""
    import os

    path = tmp_path / "net"
    path.write_bytes(b"old")
    real = os.open

    def refused(name, flags, *more, **named):
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied", name)
        return real(name, flags, *more, **named)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(PermissionError, match=f"save: Permission denied: '{path}'"):
        atomic_file.write(path, [b"new"], "save")
    assert path.read_bytes() == b"old"


def test_a_pipe_gets_the_bytes_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        atomic_file.write(pipe, [b"one", b"two"], "save")
        assert reader.communicate(timeout=60)[0] == b"onetwo"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
