"""What a prepared graph is to be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """What the passes are to make: `output` is the graph output to keep, by name or index; `widen` float16 or not;
    `network`: our own convolutions or the runtime's; `narrow`: float32 becomes float16 where a GPU gains by it;
    `deformable`: the runtime has DeformConv."""

    output: str | int
    widen: bool = True
    network: bool = False
    narrow: bool = False
    deformable: bool = False
