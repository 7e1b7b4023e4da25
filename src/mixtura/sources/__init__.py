"""Where rows live."""

from mixtura.sources.incomplete import SortedSource
from mixtura.sources.memory import MemorySource

__all__ = ["MemorySource", "SortedSource"]
