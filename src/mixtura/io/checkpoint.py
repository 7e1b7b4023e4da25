"""Checkpoint files: what a fit has so far, as a model file within a seal.

A line that says what the file is, arrays and metadata as in a model file, and a digest of these:
a file that is cut short or altered anywhere is known to be. Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mixtura._errors import CheckpointError
from mixtura._version import __version__
from mixtura.io.atomic import atomic_writer, reason
from mixtura.io.model_file import Arrays, Metadata, from_bytes, to_bytes

FIRST_LINE = b"mixtura checkpoint\n"
DIGEST_BYTES = 32


def write_checkpoint(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any],
) -> None:
    """Write a checkpoint, whole or not at all; raise the system's ``OSError`` where it fails."""
    content = to_bytes(arrays, metadata)
    with atomic_writer(path, prefix=_prefix(path)) as handle:
        for part in (FIRST_LINE, content, _digest(content)):
            handle.write(part)


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[Arrays, Metadata] | None:
    """Return arrays and metadata of a checkpoint, or None where there is no file.

    Raises
    ------
    CheckpointError
        If the file is not a whole checkpoint of this version.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        words = reason(error) if isinstance(error, OSError) else str(error)
        raise CheckpointError(f"{path}: the checkpoint cannot be read: {words}.") from None
    if not content.startswith(FIRST_LINE):
        raise CheckpointError(
            f"{path}: this file is no checkpoint of mixtura, and is left as it is; give the "
            "checkpoint another path, or delete the file."
        )
    body = content[len(FIRST_LINE) : -DIGEST_BYTES]
    if _digest(body) != content[-DIGEST_BYTES:]:
        raise damaged(path)
    arrays, metadata = from_bytes(path, body)
    version = metadata["library_version"]
    if version != __version__:
        raise CheckpointError(
            f"{path}: the checkpoint is of mixtura {version}, and this is mixtura {__version__}, "
            "which may compute in another way; go on with that version, or delete the checkpoint "
            "to begin anew."
        )
    return arrays, metadata


def damaged(path: str | os.PathLike[str]) -> CheckpointError:
    """Return the error for a checkpoint that is cut short or altered."""
    return CheckpointError(
        f"{path}: the checkpoint is damaged or cut short; delete it, and the fit begins anew."
    )


def check_place(path: str | os.PathLike[str]) -> None:
    """Raise unless a checkpoint can be written to this path."""
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        raise CheckpointError(f"{path}: this is no file; name one for the checkpoint.")
    trial = place.with_name(_prefix(path) + "trial")
    try:
        with open(trial, "wb"):
            pass
        trial.unlink(missing_ok=True)  # another fit with this path may have been quicker
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: str | os.PathLike[str], error: OSError) -> CheckpointError:
    """Return the error of a checkpoint that cannot be written."""
    return CheckpointError(
        f"{path}: the checkpoint cannot be written: {reason(error)}; name a file in a directory "
        "that exists and can be written to."
    )


def remove_checkpoint(path: str | os.PathLike[str]) -> None:
    """Remove a checkpoint, and what runs that were killed while they wrote it have left."""
    place = Path(os.path.realpath(path))
    prefix = _prefix(path)
    left = [each for each in place.parent.iterdir() if each.name.startswith(prefix)]
    for each in (place, *left):
        with suppress(OSError):
            each.unlink()


def _prefix(path: str | os.PathLike[str]) -> str:
    """Return what names of unfinished files begin with, next to the checkpoint."""
    return f".{Path(os.path.realpath(path)).name}.mixtura-"


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
