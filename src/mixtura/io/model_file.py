"""Model files: arrays and JSON metadata in one safetensors file, in which no code can hide.

The header of the file carries one entry named ``mixtura``: a JSON object with ``schema`` (the
version of this layout), ``library_version`` and whatever the writer adds. JSON has no NaN and no
infinities, so these are stored as ``{"float": "nan"}``, ``"inf"`` and ``"-inf"``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from mixtura._errors import InputError, ModelFileError
from mixtura._version import __version__
from mixtura.io.atomic import atomic_writer, reason

SCHEMA = 1
KEY = "mixtura"
KINDS = "fiu"  # floating point, signed and unsigned whole numbers

Arrays = dict[str, NDArray[Any]]
Metadata = dict[str, Any]


def write_model(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any],
) -> None:
    """Write a model file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file to create or replace.
    arrays : mapping of str to ndarray
        Arrays of real numbers of any shape and memory order.
    metadata : mapping of str to JSON values
        Strings, numbers (NaN and infinities too), booleans, None, sequences and mappings of them.

    Raises
    ------
    InputError
        If an array or a metadata value is of a kind that a model file cannot hold.
    ModelFileError
        If the file cannot be written.
    """
    content = to_bytes(arrays, metadata)
    try:
        with atomic_writer(path) as handle:
            handle.write(content)
    except OSError as error:
        raise ModelFileError(f"{path}: the model cannot be written: {reason(error)}.") from None


def to_bytes(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> bytes:
    """Return what ``write_model`` writes."""
    header = {**_encoded(metadata), "schema": SCHEMA, "library_version": __version__}
    tensors = {name: _storable(name, array) for name, array in arrays.items()}
    return bytes(safetensors.numpy.save(tensors, {KEY: json.dumps(header, allow_nan=False)}))


def read_model(path: str | os.PathLike[str]) -> tuple[Arrays, Metadata]:
    """Read a model file; nothing in it is ever executed.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    arrays : dict of str to ndarray
        The arrays, read-only.
    metadata : dict
        The metadata, with ``schema`` and ``library_version``.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, of another kind, or written by a newer version.
    """
    return from_bytes(path, _content(path))


def from_bytes(path: str | os.PathLike[str], content: bytes) -> tuple[Arrays, Metadata]:
    """Return what ``read_model`` does, of a file of this content."""
    metadata = _metadata(path, content)
    try:
        arrays = safetensors.numpy.load(content)
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError, MemoryError):
        raise _damaged(path) from None
    return arrays, metadata


def check_arrays(path: str | os.PathLike[str], arrays: Arrays, required: Iterable[str]) -> None:
    """Raise unless a model has the arrays of these names."""
    missing = [name for name in required if name not in arrays]
    if missing:
        raise ModelFileError(
            f"{path}: the model file lacks the array {', '.join(missing)}; fit the model again."
        )


def _content(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of the file."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path}: there is no such file; check the path.") from None
    except IsADirectoryError:
        raise ModelFileError(
            f"{path}: this is a directory; name the model file inside it."
        ) from None
    except (OSError, ValueError) as error:
        words = reason(error) if isinstance(error, OSError) else str(error)
        raise ModelFileError(f"{path}: the model cannot be read: {words}.") from None


def _metadata(path: str | os.PathLike[str], content: bytes) -> Metadata:
    """Return the checked metadata from the header."""
    entries = _header(path, content).get("__metadata__")
    if not isinstance(entries, dict) or KEY not in entries:
        raise ModelFileError(
            f"{path}: this is a safetensors file of another program, not a mixtura model."
        )
    try:
        metadata = json.loads(entries[KEY], object_hook=_decoded, parse_constant=_refuse)
    except (TypeError, ValueError, RecursionError):
        raise _damaged(path) from None
    if not isinstance(metadata, dict):
        raise _damaged(path)
    schema = metadata.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise _damaged(path)
    if schema > SCHEMA:
        raise ModelFileError(
            f"{path}: written by a newer mixtura (schema {schema}, this version reads up to "
            f"{SCHEMA}): upgrade with python -m pip install --upgrade mixtura."
        )
    return metadata


def _header(path: str | os.PathLike[str], content: bytes) -> dict[str, Any]:
    """Return the JSON header of a safetensors file: 8 bytes of length, then the text."""
    length = int.from_bytes(content[:8], "little")
    if content[8:9] != b"{":
        raise ModelFileError(
            f"{path}: this is not a mixtura model file; name a file that mixtura wrote."
        )
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    if not isinstance(header, dict):
        raise _damaged(path)
    return header


def _damaged(path: str | os.PathLike[str]) -> ModelFileError:
    """Return the error for a file that is cut short or altered."""
    return ModelFileError(
        f"{path}: the model file is damaged or cut short; copy it again or fit the model again."
    )


def _storable(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return the array contiguous, or raise if its kind cannot be stored."""
    array = np.asarray(array)
    if array.dtype.kind not in KINDS or array.dtype.itemsize > 8:
        raise InputError(
            f"array {name!r} has dtype {array.dtype}; a model file holds real numbers of up to "
            "64 bits."
        )
    return np.asarray(array, order="C")


def _encoded(value: Any) -> Any:
    """Return ``value`` with plain JSON types, non-finite numbers wrapped."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return _encoded_mapping(value)
    if isinstance(value, Sequence):
        return [_encoded(item) for item in value]
    raise InputError(
        f"metadata holds a {type(value).__name__}; a model file holds strings, numbers, "
        "booleans, None, lists and mappings."
    )


def _encoded_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the mapping encoded, or raise where it would be read back as something else."""
    if set(value) == {"float"} or not all(isinstance(key, str) for key in value):
        raise InputError(
            "a mapping in metadata must have strings for keys, and not 'float' as its only key."
        )
    return {key: _encoded(item) for key, item in value.items()}


def _decoded(value: dict[str, Any]) -> Any:
    """Unwrap a non-finite number."""
    if set(value) == {"float"}:
        return float(value["float"])
    return value


def _refuse(constant: str) -> Any:
    """Refuse the bare NaN and Infinity that strict JSON does not have."""
    raise ValueError(f"{constant} is not JSON")
