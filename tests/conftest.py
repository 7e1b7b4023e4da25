"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("families", "oracle", "pictures", "problems")
os.environ["MPLBACKEND"] = "agg"  # pictures without a screen, in commands that tests start, too

ROOT = Path(__file__).parents[1]

settings.register_profile("mixtura", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("mixtura")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of published data sets, which are not ours to copy into the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the data sets of {folder}, which is absent")
    return folder
