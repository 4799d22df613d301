"""Linear layers by our own kernels, against their definition in float64; and inside of a session."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast._graphs.linear_layers import _packed
from rmbg_fast.reference.linear_layers import gelu, linear_layers
from support.linear_graphs import Block, export
from support.network_graphs import Array, random
from support.network_runs import TIERS, _testing, assert_close
from support.token_sessions import assert_session_runs

BLOCKS = [
    Block(),
    Block(tokens=(1, 1), inputs=16, hidden=16, outputs=16),
    Block(tokens=(3, 100), inputs=96, hidden=384, outputs=96),
    Block(tokens=(1, 13), inputs=400, hidden=1600, outputs=208, residual=False),
    Block(tokens=(1, 50), hidden=0, inputs=384, outputs=1152, residual=False),
    Block(tokens=(1, 25), hidden=0, norm=False),
    Block(tokens=(0,)),
]
EPSILON = 1e-5


def plan_of(block: Block) -> list[int]:
    epsilon = int(struct.unpack("<q", struct.pack("<d", EPSILON))[0])
    return [1, block.inputs, block.hidden, block.outputs, int(block.norm), epsilon]


def layers_of(block: Block) -> list[tuple[Array, Array]]:
    counts = [count for count in (block.inputs, block.hidden, block.outputs) if count]
    return [(random(a, b, seed=a) / np.float32(a**0.5), random(b, seed=b)) for a, b in pairwise(counts)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_layers_are_the_same_everywhere(block: Block) -> None:
    """On every tier and number of threads, and however the tokens are cut."""
    x, layers = block.feeds()["x"], layers_of(block)
    norm = (random(block.inputs, seed=1), random(block.inputs, seed=2), EPSILON) if block.norm else None
    residual = random(*block.tokens, block.outputs, seed=3) if block.residual else None
    wanted = linear_layers(x, layers, norm=norm, residual=residual)
    parts = [*(norm[:2] if norm else ()), *(_packed(lambda m=matrix: m, bias) for matrix, bias in layers)]
    weights = np.concatenate(parts)
    first = None
    for tier in TIERS:
        for threads in (1, 3):
            for tokens in (0, 12, 36):
                made = _testing.linear_layers(plan_of(block), weights, x, residual, tier, threads, tokens)
                first = made if first is None else first
                assert np.array_equal(made, first), (tier, threads, tokens)
    if first.size:
        assert_close(first, wanted.astype(np.float32))


def test_gelu_is_that_of_erf() -> None:
    """By one layer that passes its values on: what is far below 0 becomes 0, far above it stays."""
    block = Block(inputs=16, hidden=16, outputs=16, norm=False, residual=False)
    same = _packed(lambda: np.eye(16, dtype=np.float32), np.zeros(16, np.float32))
    x = np.linspace(-12, 12, 1 << 14, dtype=np.float32).reshape(-1, 16)
    made = _testing.linear_layers(plan_of(block), np.concatenate([same, same]), x, None, TIERS[-1], 1)
    assert np.abs(made - gelu(x)).max() <= 6e-7
    assert np.abs(made - gelu(x))[np.abs(x) < 3].max() <= 3e-7
    assert not made[x < -5.6].any()
    assert np.array_equal(made[x > 5.6], x[x > 5.6])


def test_a_damaged_plan_is_refused() -> None:
    block = BLOCKS[0]
    good = plan_of(block)
    weights = random(2 * 32 + 33 * 80 + 81 * 32)
    arrays = weights, random(5, 32), None
    _testing.linear_layers(good, *arrays, TIERS[0], 1)
    nan = int(struct.unpack("<q", struct.pack("<d", float("nan")))[0])
    for place, number in [(0, 2), (1, 0), (1, 24), (2, -16), (3, 1 << 16), (4, 2), (5, nan)]:
        plan = list(good)
        plan[place] = number
        with pytest.raises(Exception, match="damaged"):
            _testing.linear_layers(plan, *arrays, TIERS[0], 1)
    with pytest.raises(Exception, match="damaged"):
        _testing.linear_layers(good[:-1], *arrays, TIERS[0], 1)
    with pytest.raises(Exception, match="another shape"):
        _testing.linear_layers(good, weights[:-1], *arrays[1:], TIERS[0], 1)


@pytest.mark.parametrize("hidden", [0, 96])
def test_a_session_runs_it(tmp_path: Path, hidden: int) -> None:
    block = Block(tokens=(1, 144), inputs=48, hidden=hidden, outputs=48)
    assert_session_runs(tmp_path, export(block), "LinearLayers", side=12, channels=48)
