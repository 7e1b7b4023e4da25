"""Where rows live."""

from mixtura.sources.incomplete import SortedSource
from mixtura.sources.memory import MemorySource
from mixtura.sources.streamed import StreamedSource

__all__ = ["MemorySource", "SortedSource", "StreamedSource"]
