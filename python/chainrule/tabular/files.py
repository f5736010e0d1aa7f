"""The file of a trained table: arrays by name and one JSON document, in the safetensors layout, with a SHA-256 over all of it.

Eight bytes with the header's length, the header (JSON: dtype, shape and place of each array, and under "__metadata__" the document and
the checksum as strings), and the arrays' bytes. NumPy alone writes and reads it; safetensors reads the arrays too. Nothing in it is code.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import atomic_file
from chainrule.errors import ChainruleError, CorruptFileError
from chainrule.validation import Array

__all__ = ["read", "write"]

FORMAT = 1
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_NAMES = {"float32": "F32", "float64": "F64"}
_LENGTH_BYTES = 8


def write(path: Path, tensors: Mapping[str, Array], document: Mapping[str, Any]) -> None:
    """Write a file: whatever happens meanwhile, one that was there stays whole until the new one is complete."""
    table, data, begin = {}, [], 0
    for name, value in tensors.items():
        part = np.ascontiguousarray(value).astype(_DTYPES[_NAMES[value.dtype.name]]).tobytes()
        table[name] = {"dtype": _NAMES[value.dtype.name], "shape": list(value.shape), "data_offsets": [begin, begin + len(part)]}
        begin += len(part)
        data.append(part)
    text = json.dumps({"format": FORMAT, **document}, allow_nan=False, separators=(",", ":"))
    body = b"".join(data)
    header = _header(table, text, body)
    atomic_file.write(path, (len(header).to_bytes(_LENGTH_BYTES, "little"), header, body), "save")


def read(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the document of a file; raises as `parsed` does, and OSError as the system says."""
    return parsed(path.read_bytes(), path)


def parsed(content: bytes, path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the document in a file's content; `path` is for errors.

    Raises
    ------
    CorruptFileError
        Where anything is not as it was written, or the file is of another kind.
    ChainruleError
        For a whole file of another format.
    """
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    if len(content) < _LENGTH_BYTES or end > len(content):
        raise CorruptFileError(f"{path}: expected a whole file, got one that is cut off, or of another kind")
    header, body = content[_LENGTH_BYTES:end], memoryview(content)[end:]
    try:
        table = json.loads(header)
        text = table.pop("__metadata__")["chainrule"]
        if _header(table, text, body) != header:
            raise ValueError("the checksum does not fit")
        document = json.loads(text)
        version = document.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFileError(f"{path}: expected the bytes that were written, got others: {error}") from None
    if version != FORMAT:
        raise ChainruleError(f"{path}: expected format {FORMAT}, got {version!r}, of another version of chainrule")
    return {name: _tensor(path, name, entry, body) for name, entry in table.items()}, document


def _header(table: Mapping[str, Any], text: str, body: "bytes | memoryview") -> bytes:
    """Return the header with the checksum of everything else, padded to whole eights."""
    digest = hashlib.sha256(json.dumps(table, separators=(",", ":")).encode())
    digest.update(text.encode())
    digest.update(body)
    metadata = {"chainrule": text, "sha256": digest.hexdigest()}
    header = json.dumps({"__metadata__": metadata, **table}, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % 8)


def _tensor(path: Path, name: str, entry: Any, body: memoryview) -> Array:
    """Return an array, its sizes checked against the file's before anything is made of it."""
    try:
        dtype, shape, (begin, end) = _DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
        if not all(type(size) is int and size >= 0 for size in (*shape, begin, end)):
            raise ValueError("sizes are whole numbers")
        if not begin <= end <= len(body) or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError("sizes do not fit the file's")
        array: Array = np.frombuffer(body[begin:end], dtype).reshape(shape).astype(dtype.newbyteorder("="))
        return array
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptFileError(f"{path}: expected an array {name!r}, got {error}") from None
