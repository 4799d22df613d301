"""The memory that a run works in: what is needed at once, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from support.network_graphs import Builder, random
from support.network_runs import FAST, TIERS, BareNetwork, assert_close, by_runtime, compiled

SIDE = 96
MAP = SIDE * SIDE * 64 * 4  # bytes of 64 channels


def maps_at_once(*, read_again: bool) -> float:
    """Of a map, to which something is added, and which is perhaps read once more."""
    b = Builder(channels={"input": 16})
    first = b.relu(b.conv("input", 64))
    out = b.add(b.relu(b.conv(b.relu(b.conv(first, 16)), 64)), first)
    b.conv(b.concat(out, first) if read_again else out, 1)
    made = b.model("output", [1, 16, SIDE, SIDE])
    network = compiled(made)
    feeds = {"input": random(1, 16, SIDE, SIDE)}
    assert_close(network.same_everywhere(feeds)["output"], by_runtime(made, feeds)["output"])
    return network.arena(feeds) / MAP


def test_what_is_read_for_the_last_time_is_written_over() -> None:
    # Beside the maps, a narrow one of a quarter, and weights.
    assert 1 < maps_at_once(read_again=False) < 1.5
    assert 2 < maps_at_once(read_again=True) < 2.5


@pytest.mark.parametrize(("height", "width"), [(96, 96), (61, 90), (24, 200)])
def test_a_frugal_network_writes_over_its_input_band_by_band(height: int, width: int) -> None:
    b = Builder(channels={"input": 16})
    wide = b.relu(b.conv("input", 64))
    b.conv(b.relu(b.conv(wide, 64)), 1)
    network = compiled(b.model("output", [1, 16, height, width]))
    feeds = [random(1, 16, height, width)]

    def made(tier: str, threads: int, *, frugal: bool) -> BareNetwork:
        return BareNetwork(network.plan, network.weights, tier, threads, frugal)

    (wanted,) = made(FAST, 1, frugal=False).run(feeds)
    assert made(FAST, 1, frugal=True).arena(feeds) < 0.9 * made(FAST, 1, frugal=False).arena(feeds)
    for tier in TIERS:
        for threads in (1, 3):
            assert np.array_equal(made(tier, threads, frugal=True).run(feeds)[0], wanted)
