"""A flood of images: who may work and in what order, and images that are worked on side by side."""

from .admission import Priority, Stats

__all__ = ["Priority", "Stats"]
