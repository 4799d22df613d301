"""A flood of images: who may work and in what order, and images that are worked on side by side."""

from .admission import Priority, Stats
from .batcher import Batcher, BatchStats
from .mapping import OnError, Outcome, bytes_of_pixels, mapped

__all__ = ["BatchStats", "Batcher", "OnError", "Outcome", "Priority", "Stats", "bytes_of_pixels", "mapped"]
