"""Pictures beside those that have been looked at.

MIXTURA_BASELINES=write writes those of the tests that run; look at them before they are committed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

BASELINES = Path(__file__).parent / "view" / "baseline"
#: Root mean square of the differences of pixels, 0 to 255, that versions of matplotlib may make.
TOLERANCE = 6.0


def assert_same_picture(figure: Any, name: str, folder: Path) -> None:
    """Compare a figure with the picture of that name, and leave what differs in ``folder``."""
    from matplotlib.testing.compare import compare_images

    expected, actual = BASELINES / f"{name}.png", folder / f"{name}.png"
    if os.environ.get("MIXTURA_BASELINES") == "write":
        figure.savefig(expected, dpi=60, metadata={"Software": None})
    figure.savefig(actual, dpi=60, metadata={"Software": None})
    difference = compare_images(str(expected), str(actual), tol=TOLERANCE)
    assert difference is None, difference
