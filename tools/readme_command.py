"""Print the fenced block of README.md that follows the comment ``<!-- ci: NAME -->``.

Usage: python tools/readme_command.py NAME
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def marked_block(text: str, name: str) -> str:
    """Return the fenced block right after the marker ``name``, or raise LookupError."""
    pattern = rf"^<!-- ci: {re.escape(name)} -->\n+```[a-z]*\n(.*?)\n```$"
    blocks = re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)
    if len(blocks) != 1:
        raise LookupError(
            f"expected one fenced block after '<!-- ci: {name} -->', found {len(blocks)}"
        )
    return str(blocks[0])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(marked_block(README.read_text(encoding="utf-8"), sys.argv[1]))
    except LookupError as error:
        sys.exit(f"{README}: {error}")
