"""Attention in windows by our own kernels, against its definition in float64; and inside of a session."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast.reference.attention import window_attention
from support.attention_graphs import Case, by_layers, by_views
from support.network_graphs import Array, random
from support.network_runs import TIERS, _testing, assert_close
from support.token_sessions import assert_session_runs

INF = float("-inf")
CASES = [
    Case(),
    Case(shift=2),
    Case(shift=2, images=3),
    Case(height=15, width=20, window=7, shift=3, heads=3, depth=32),
    Case(height=25, width=13, window=12, shift=6, heads=1, depth=48),
    Case(height=3, width=2, window=5, shift=4, mask=INF),
    Case(height=1, width=1, window=1, heads=1),
]


def bits(value: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


def plan_of(case: Case, scale: float) -> list[int]:
    return [1, case.height, case.width, case.window, case.shift, case.heads, case.depth, bits(scale), bits(case.mask)]


def in_blocks(bias: Array) -> Array:
    pad = -bias.shape[-1] % 16
    return np.pad(bias, ((0, 0), (0, 0), (0, pad)), constant_values=-np.inf)


@pytest.mark.parametrize("reach", [1.0, 40.0])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_attention_is_the_same_everywhere(case: Case, reach: float) -> None:
    """On every tier and number of threads; with a reach of 40 nearly all weight is on one token."""
    tokens, places = case.height * case.width, case.window**2
    qkv = random(case.images, tokens, 3 * case.channels)
    qkv[..., : case.channels] *= np.float32(reach)
    qkv_bias, bias = random(3 * case.channels), random(case.heads, places, places)
    scale = case.depth**-0.5
    size = case.height, case.width
    wanted = window_attention(
        qkv, qkv_bias, bias, size=size, window=case.window, shift=case.shift, scale=scale, mask=case.mask
    )
    first = None
    for tier in TIERS:
        for threads in (1, 3):
            made = _testing.attend(plan_of(case, scale), in_blocks(bias), qkv, qkv_bias, tier, threads)
            first = made if first is None else first
            assert np.array_equal(made, first), (tier, threads)
    assert_close(first, wanted.astype(np.float32))


def test_a_damaged_plan_is_refused() -> None:
    case = CASES[1]
    good = plan_of(case, 0.25)
    arrays = in_blocks(random(2, 16, 16)), random(1, 99, 96), random(96)
    _testing.attend(good, *arrays, TIERS[0], 1)
    for place, number in [(0, 2), (1, 0), (3, 65), (4, 4), (4, -1), (6, 24), (7, bits(float("nan"))), (8, bits(1.0))]:
        plan = list(good)
        plan[place] = number
        with pytest.raises(Exception, match="damaged"):
            _testing.attend(plan, *arrays, TIERS[0], 1)
    with pytest.raises(Exception, match="damaged"):
        _testing.attend(good[:-1], *arrays, TIERS[0], 1)


@pytest.mark.parametrize("build", [by_views, by_layers])
@pytest.mark.parametrize("shift", [0, 2])
def test_a_session_runs_it(tmp_path: Path, build, shift: int) -> None:
    case = Case(height=12, width=12, shift=shift, heads=3, depth=16)
    assert_session_runs(tmp_path, build(case), "WindowAttention", side=12, channels=48)
