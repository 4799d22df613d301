"""Which layers of a network to leave in float: found by measuring, with a bound on what that costs.

Rounding errors of layers add up like independent noise, so a block of layers is as bad as the mask is when it alone is
quantized. The worst block is cut in two again and again; then blocks go back to float, those first that remove most
error (squared) for their work, as long as each makes the measured mask better. After a few that do not, it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

_PATIENCE = 3

Measure = Callable[[frozenset[str]], float]
"""The error of the network with these layers in float, and all others quantized."""


@dataclass(frozen=True)
class Layer:
    """A layer that can be quantized, and its multiplications."""

    name: str
    work: int


@dataclass(frozen=True)
class Found:
    """The layers to leave in float, the error then and with none of them, and how many networks were measured."""

    floating: frozenset[str]
    error: float
    error_before: float
    trials: int


@dataclass(frozen=True)
class _Block:
    layers: tuple[Layer, ...]
    error: float

    @property
    def work(self) -> int:
        return sum(layer.work for layer in self.layers)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(layer.name for layer in self.layers)


def search(layers: Sequence[Layer], measure: Measure, *, goal: float, trials: int, share: float) -> Found:
    """Layers to leave in float until the error is at most `goal`.

    `layers` stand in the order of the network. At most `trials` networks are measured (at least one), and the layers
    that are found hold at most `share` (0..1) of the work.
    """
    used = 0

    def error_of(floating: frozenset[str]) -> float:
        nonlocal used
        used += 1
        return measure(floating)

    everything = _Block(tuple(layers), error_of(frozenset()))
    best, floating = everything.error, frozenset[str]()
    limit = share * everything.work
    blocks = [everything]
    while used + 2 <= trials * 3 // 4:  # the rest is for trying what was found
        wide = [block for block in blocks if len(block.layers) > 1]
        if best <= goal or not wide:
            break
        worst = max(wide, key=lambda block: block.error)
        blocks.remove(worst)
        middle = len(worst.layers) // 2
        for part in (worst.layers[:middle], worst.layers[middle:]):
            names = frozenset(layer.name for layer in part)
            blocks.append(_Block(part, error_of(everything.names - names)))
    work = misses = 0
    for block in sorted(blocks, key=lambda block: block.error**2 / max(block.work, 1), reverse=True):
        if best <= goal or used >= trials or misses == _PATIENCE:
            break
        if work + block.work > limit:
            continue
        error = error_of(floating | block.names)
        if error < best:
            best, floating, work, misses = error, floating | block.names, work + block.work, 0
        else:
            misses += 1
    return Found(floating, best, everything.error, used)
