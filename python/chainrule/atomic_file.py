"""Files that are either the old ones or the new ones, whenever the power fails: write beside, fsync, rename, fsync the folder.

The file beside carries the final name and is locked by the process that writes it. The kernel drops the lock when the process dies, so
that the next writer knows an orphan from a colleague's file, and removes it.
"""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

_SUFFIX = ".tmp"
_RANDOM_BYTES = 8
_LONGEST_NAME = 255  # in bytes, of Linux' file systems


def write(path: "str | os.PathLike[str]", parts: "Iterable[bytes | memoryview]", operation: str) -> None:
    """Replace the file at `path`, following links, by these bytes. A pipe or a device gets them as they come.

    Raises
    ------
    OSError
        Of the kind that the system gives (PermissionError, FileNotFoundError for a missing folder, ...), with the operation's name.
        A file that was there is as before then.
    """
    target = Path(os.path.realpath(path))
    try:
        if _takes_a_stream(path):
            with Path(path).open("wb", buffering=0) as stream:
                for part in parts:
                    _write_all(stream.fileno(), part)
            return
        _remove_orphans(target)
        descriptor, beside = _create_beside(target)
        try:
            try:
                for part in parts:
                    _write_all(descriptor, part)
                os.fsync(descriptor)
                beside.rename(target)  # still locked: until here nobody takes it for an orphan
            finally:
                os.close(descriptor)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise OSError(error.errno, f"{operation}: {error.strerror}", os.fspath(path)) from None


def cut(name: str, more: int) -> str:
    """Return a name, cut off so that with so many bytes more it is none that is too long for a file."""
    data = os.fsencode(name)
    return name if len(data) + more <= _LONGEST_NAME else data[: _LONGEST_NAME - more].decode(errors="ignore")


def _takes_a_stream(path: "str | os.PathLike[str]") -> bool:
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _prefix(target: Path) -> str:
    return f".{cut(target.name, len('..') + 2 * _RANDOM_BYTES + len(_SUFFIX))}."


def _create_beside(target: Path) -> tuple[int, Path]:
    mode = 0o666
    with contextlib.suppress(FileNotFoundError):
        mode = target.stat().st_mode & 0o777
    while True:
        beside = target.parent / f"{_prefix(target)}{secrets.token_hex(_RANDOM_BYTES)}{_SUFFIX}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        _lock(descriptor, wait=True)
        if os.fstat(descriptor).st_nlink > 0:
            return descriptor, beside
        os.close(descriptor)  # somebody took it for an orphan before it was locked


def _remove_orphans(target: Path) -> None:
    prefix = _prefix(target)
    for entry in target.parent.iterdir():
        if not (entry.name.startswith(prefix) and entry.name.endswith(_SUFFIX)):
            continue
        with contextlib.suppress(OSError):  # another writer was faster, or may not be disturbed
            descriptor = os.open(entry, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if _lock(descriptor, wait=False):
                    entry.unlink()
            finally:
                os.close(descriptor)


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Take the lock; False where another process has it, or where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _write_all(descriptor: int, data: "bytes | memoryview") -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot; the file itself is on the disk
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
