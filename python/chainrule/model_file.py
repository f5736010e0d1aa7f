"""The file of a model: safetensors, with one JSON document in its metadata and a SHA-256 over every byte.

The metadata's one key "chainrule" holds the document: ``{"format": 1, "checksum": "...", ...}``. The checksum is that of the whole file
with the 64 digits of the checksum itself replaced by zeros, so that no bit of the file is without guard, neither in the header nor in
the padding. It tells accidents, not forgery: what is read is checked again when it is put to use.
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule import atomic_file
from chainrule.errors import ChainruleError, CorruptFileError
from chainrule.validation import Array

_KEY = "chainrule"
_FORMAT = 1
_ZEROS = "0" * 64
# As it stands in the header: JSON inside a JSON string. A quote inside one of the document's own strings would be escaped twice.
_MARK = rb"\"checksum\":\""
_LENGTH_BYTES = 8


class Contents(NamedTuple):
    """What a file holds: arrays by name, and the document without format and checksum."""

    tensors: dict[str, Array]
    document: dict[str, Any]


def write(path: "str | os.PathLike[str]", contents: Contents, operation: str) -> None:
    """Write a file: whatever happens meanwhile, a file that was there stays whole until the new one is complete."""
    library = _safetensors(operation)
    text = json.dumps({"format": _FORMAT, "checksum": _ZEROS, **contents.document}, separators=(",", ":"))
    tensors = {name: np.ascontiguousarray(value) for name, value in contents.tensors.items()}
    try:
        data = library.numpy.save(tensors, {_KEY: text})
    except MemoryError:
        size = sum(value.nbytes for value in tensors.values())
        raise MemoryError(
            f"{operation}: expected memory for a file of {size + len(text)} bytes beside the model, got none"
        ) from None
    begin = _digits_begin(data, _header_end(data))
    digest = hashlib.sha256(data).hexdigest().encode()
    atomic_file.write(path, (data[:begin], digest, memoryview(data)[begin + len(digest) :]), operation)


def read(path: "str | os.PathLike[str]", operation: str) -> Contents:
    """Read a file and check it.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        As the system says.
    CorruptFileError
        Where anything is not as it was written, or `path` is no such file at all.
    ChainruleError
        For a whole file of a newer format.
    """
    library = _safetensors(operation)
    where = f"{operation}: {os.fspath(path)}"
    size = 0
    try:
        status = Path(path).stat()
        size = status.st_size
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):  # one never begins, the other may never end
            raise CorruptFileError(f"{where}: expected a file, got a pipe or a device")
        with Path(path).open("rb") as file:
            data = file.read(size)
    except MemoryError:
        raise MemoryError(f"{where}: expected memory for its {size} bytes, got none") from None
    except OSError as error:
        raise OSError(error.errno, f"{operation}: {error.strerror}", os.fspath(path)) from None
    header_end = _checked(data, where)
    try:
        document = json.loads(json.loads(data[_LENGTH_BYTES:header_end])["__metadata__"][_KEY])
        tensors = library.numpy.load(data)
    except (ValueError, KeyError, TypeError, RecursionError, library.SafetensorError) as error:
        raise CorruptFileError(f"{where}: expected a file that save has written: {error}") from None
    if not isinstance(document, dict) or document.pop("checksum", None) is None:
        raise CorruptFileError(f"{where}: expected a JSON object in its metadata")
    version = document.pop("format", None)
    if version != _FORMAT:
        raise ChainruleError(f"{where}: expected format {_FORMAT}, got {version!r}, of another version of chainrule")
    return Contents(tensors, document)


def _checked(data: bytes, where: str) -> int:
    """Compare the checksum; return where the header ends."""
    try:
        header_end = _header_end(data)
        begin = _digits_begin(data, header_end)
    except ValueError as error:
        raise CorruptFileError(f"{where}: {error}") from None
    view = memoryview(data)
    end = begin + len(_ZEROS)
    digest = hashlib.sha256(view[:begin])
    digest.update(_ZEROS.encode())
    digest.update(view[end:])
    if digest.hexdigest().encode() != view[begin:end]:
        raise CorruptFileError(f"{where}: expected the bytes that save has written, got others: the checksum does not fit")
    return header_end


def _header_end(data: bytes) -> int:
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or length > len(data) - _LENGTH_BYTES:
        raise ValueError("expected a whole file, got one that is cut off, or of another kind")
    return _LENGTH_BYTES + length


def _digits_begin(data: bytes, header_end: int) -> int:
    begin = data.find(_MARK, _LENGTH_BYTES, header_end) + len(_MARK)
    if begin < len(_MARK) or begin + len(_ZEROS) > header_end or data.find(_MARK, begin, header_end) >= 0:
        raise ValueError("expected one checksum in its header, as save writes it")
    return begin


def _safetensors(operation: str) -> Any:
    try:
        import safetensors.numpy  # loads its parent, which has the errors
    except ImportError as error:
        raise ImportError(f"{operation}: expected safetensors to be installed; pip install 'chainrule[files]'") from error
    return safetensors


def tensors_with_prefix(tensors: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """Return the tensors whose names begin so, without the prefix."""
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
