"""What the ways to spell out a deformable convolution are read into."""

from __future__ import annotations

from dataclasses import dataclass

from .graph_index import Graph
from .matching import known, need


@dataclass
class Deformable:
    """One that was found: names of its operands, its attributes, and the value that it makes."""

    source: str
    offset: str
    mask: str
    weights: list[str]  # the kernel, or one (O, C, 1, 1) a tap
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]  # top, left, bottom, right
    groups: int
    result: str
    bias: str = ""


def padding(
    graph: Graph,
    source: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    begin: tuple[int, int],
) -> tuple[int, int, int, int]:
    """Padding such that a map of the source's size gives one of `size`."""
    end = [
        (after - 1) * stride + dilation * (taps - 1) + 1 - before - start
        for before, after, taps, stride, dilation, start in zip(
            known(graph, source, 4)[2:], size, kernel, strides, dilations, begin, strict=True
        )
    ]
    pads = begin[0], begin[1], end[0], end[1]
    need(min(pads) >= 0)
    return pads
