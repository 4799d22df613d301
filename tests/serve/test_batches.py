"""With --batch, pictures that come close together are one run of the network."""

from __future__ import annotations

from pathlib import Path

from rmbg_fast import Session
from rmbg_fast.errors import OptionError
from support import flow_models, small_network
from support.parallel import in_threads
from support.service import served

PHOTO = flow_models.png(3)
FOREVER = 60_000  # milliseconds: a run that does not come full never begins


def test_requests_that_come_together_are_one_run(tmp_path: Path) -> None:
    model = small_network.network()
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    session = Session(small_network.saved(tmp_path, model), device="cpu", slots=4)
    with served({"small": session}, batch=4, max_wait=FOREVER) as here:
        answers = in_threads(4, lambda _: here.ask("/v1/remove", PHOTO))
        assert [answer.status for answer in answers] == [200] * 4
        told = here.ask("/metrics").body
        assert b'rmbg_fast_batches_total{model="small"} 1.0' in told
        assert b'rmbg_fast_batched_pictures_total{model="small"} 4.0' in told
        here.service.close()


def test_a_model_that_takes_one_picture_is_refused_at_the_start(tmp_path: Path) -> None:
    with served({"small": flow_models.session(tmp_path / "model", slots=2)}, batch=2) as here:
        assert here.running is not None
        assert here.service.state == "draining"
        assert isinstance(here.running.failure, OptionError)
