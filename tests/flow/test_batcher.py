"""Calls that come close together are one run of the network, and each gets its own result."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import onnx
import pytest

from rmbg_fast import Session
from rmbg_fast.errors import OptionError
from rmbg_fast.flow import Batcher
from support import flow_models, small_network
from support.parallel import in_threads

FOREVER = 60_000  # milliseconds: a run that does not come full never begins


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Of a network that takes any number of pictures at once."""
    model = small_network.network()
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model)
    return Session(small_network.saved(tmp_path_factory.mktemp("batch"), model), device="cpu", slots=8)


PICTURES = [flow_models.picture(seed, 30 + 5 * seed, 40) for seed in range(4)]


def test_full_batch_is_one_run_and_results_are_those_of_single_calls(session: Session) -> None:
    wanted = [session.remove(picture, on_empty="ignore") for picture in PICTURES]
    with Batcher(session, max_batch_size=4, max_wait_ms=FOREVER) as batcher:
        cutouts = in_threads(4, lambda index: batcher.remove(PICTURES[index], on_empty="ignore"))
        assert (batcher.stats.runs, batcher.stats.pictures) == (1, 4)

        async def together() -> list[object]:
            return await asyncio.gather(*[batcher.aremove(picture, on_empty="ignore") for picture in PICTURES])

        later = asyncio.run(together())
        assert (batcher.stats.runs, batcher.stats.pictures) == (2, 8)
    for results in (cutouts, later):
        for result, one in zip(results, wanted, strict=True):
            assert np.abs(np.asarray(result).astype(int) - one).max() <= 1  # other sizes may be rounded otherwise
    assert batcher.stats.runs == 0
    session.remove(PICTURES[0], on_empty="ignore")  # does not wait


def test_lone_picture_waits_no_longer_than_it_has_to(session: Session) -> None:
    with Batcher(session, max_batch_size=8, max_wait_ms=1) as batcher:
        for picture in PICTURES:
            batcher.remove(picture, on_empty="ignore")
        assert (batcher.stats.runs, batcher.stats.pictures) == (4, 4)


def test_broken_picture_does_not_hold_the_others_up(session: Session) -> None:
    with Batcher(session, max_batch_size=2, max_wait_ms=FOREVER) as batcher:
        items = [b"broken", PICTURES[0], PICTURES[1]]
        outcomes = list(session.map(items, lanes=3, on_empty="ignore"))
        assert [outcome.error is None for outcome in outcomes] == [False, True, True]
        assert batcher.stats.runs == 1


def test_model_with_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="batch is fixed at 1"):
        Batcher(flow_models.session(tmp_path, slots=4), max_batch_size=4)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"max_batch_size": 0}, "max_batch_size"), ({"max_wait_ms": -1}, "number"), ({"max_batch_size": 9}, "slots")],
)
def test_wrong_options_are_refused(session: Session, options: dict[str, int], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        Batcher(session, **options)
