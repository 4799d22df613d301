"""From a torch model to an ONNX file that says itself how it wants to be fed."""

from .converter import KNOWN, Report, convert

__all__ = ["KNOWN", "Report", "convert"]
