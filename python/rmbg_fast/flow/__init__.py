"""A flood of images: who may work and in what order, and images that are worked on side by side."""

from .admission import Priority, Stats
from .mapping import OnError, Outcome, bytes_of, bytes_of_pixels, mapped

__all__ = ["OnError", "Outcome", "Priority", "Stats", "bytes_of", "bytes_of_pixels", "mapped"]
