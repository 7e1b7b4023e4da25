"""Where rows live."""

from mixtura.sources.memory import MemorySource

__all__ = ["MemorySource"]
