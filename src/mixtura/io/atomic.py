"""Write a file whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_writer(path: str | os.PathLike[str], prefix: str = ".mixtura-") -> Iterator[BinaryIO]:
    """Open a file that appears under ``path`` only once everything is written and on disk.

    A new file gets the permissions that the umask leaves, a replaced one keeps its own. Links are
    followed; devices and pipes, which cannot be replaced, are written straight through. Until the
    end, what is written is in a file beside it whose name begins with ``prefix``.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with open(target, "wb") as handle:
            yield handle
        return
    temporary = target.with_name(f"{prefix}{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def reason(error: OSError) -> str:
    """Return why a file operation failed, in words, starting in lower case."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]
