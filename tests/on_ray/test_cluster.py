"""Ray Data and Ray Serve on a local cluster of two workers."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ray", reason="ray is not installed: pip install '.[ray]'")

import ray
import ray.data

from rmbg_fast import Session
from rmbg_fast.errors import OptionError
from rmbg_fast.ray import Remover, deployment
from support import flow_models, small_network
from support.pictures import encoded

pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray and what it brings
PHOTOS, BAD = 200, 7  # and which of them is damaged


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        tests = str(Path(__file__).parents[1])  # where the workers find what this file imports
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH")])))
        ray.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Of a network that is nearly free."""
    return small_network.saved(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / f"{number:03}.png" for number in range(PHOTOS)]
    for number, path in enumerate(paths):
        path.write_bytes(b"damaged" if number == BAD else flow_models.png(number))
    return paths


class Slow(Remover):
    """Says which process has worked on which pictures, and gives time to kill it."""

    def __init__(self, told: str, **options: Any) -> None:
        super().__init__(**options)
        self._told = Path(told)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        (self._told / f"{os.getpid()}-{batch['number'][0]}").touch()
        time.sleep(0.1)
        return super().__call__(batch)


def rows(dataset: Any) -> list[dict[str, Any]]:
    return sorted(dataset.take_all(), key=lambda row: row["number"])


def check(found: list[dict[str, Any]], photos: list[Path], model: Any) -> None:
    """Nothing lost, nothing doubled, and each result that of a plain loop."""
    assert [row["number"] for row in found] == list(range(PHOTOS))
    session = Session(model, device="cpu")
    for row, path in zip(found, photos, strict=True):
        if row["number"] == BAD:
            assert row["cutout"] == b""
            assert "no image" in row["error"]
        else:
            assert row["error"] == ""
            assert row["cutout"] == session.remove(path.read_bytes(), on_empty="ignore")


def test_a_worker_is_killed_in_the_middle(cluster: None, photos: list[Path], model: Any, tmp_path: Path) -> None:
    items = [{"number": number, "image": path.read_bytes()} for number, path in enumerate(photos)]
    killed: list[int] = []

    def kill() -> None:
        """The first of the two, once both have worked for a while."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            workers = [int(file.name.split("-")[0]) for file in tmp_path.iterdir()]
            if len(set(workers)) == 2 and len(workers) >= 6:
                killed.append(workers[0])
                os.kill(workers[0], signal.SIGKILL)
                return
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    dataset = ray.data.from_items(items, override_num_blocks=25).map_batches(
        Slow, concurrency=2, batch_size=8,
        fn_constructor_kwargs={"told": str(tmp_path), "model": model, "device": "cpu"},
    )  # fmt: skip
    found = rows(dataset)
    killer.join()
    assert killed
    assert len({file.name.split("-")[0] for file in tmp_path.iterdir()}) == 3, (
        "another took the place of the killed one"
    )
    check(found, photos, model)


@pytest.mark.parametrize("kind", ["paths", "arrays", "arrays of one size"])
def test_columns(cluster: None, photos: list[Path], model: Any, kind: str) -> None:
    pictures = [flow_models.picture(number, 40, 60 + (number if kind == "arrays" else 0)) for number in range(6)]
    column: list[Any] = [str(path) for path in photos[:6]] if kind == "paths" else pictures
    items = [{"number": number, "photo": one} for number, one in enumerate(column)]
    dataset = ray.data.from_items(items).map_batches(
        Remover, concurrency=1, batch_size=4,
        fn_constructor_kwargs={
            "model": model, "device": "cpu", "image": "photo", "cutout": "result", "error": "why",
            "cut": {"background": "white"}, "format": "jpeg",
        },
    )  # fmt: skip
    session = Session(model, device="cpu")
    for row, one in zip(rows(dataset), column, strict=True):
        assert row["why"] == ""
        (outcome,) = session.map([one], background="white", on_empty="ignore", format="jpeg")
        assert row["result"] == outcome.get()


def test_a_wrong_column_raises(model: Any) -> None:
    with pytest.raises(OptionError, match="no column 'image', only photo"):
        Remover(model, device="cpu")({"photo": np.zeros(1)})


# --- Serve


def post(url: str, body: bytes) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_serve(cluster: None, model: Any) -> None:
    from ray import serve  # not above: it warns of what it is made of

    application = deployment(
        model, max_ongoing_requests=4, max_queued_requests=100, session={"device": "cpu"}, background="white",
        options={"num_replicas": 2, "ray_actor_options": {"num_cpus": 0.5}},
    )  # fmt: skip
    port = 8123
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    try:
        handle = serve.run(application, name="photos", route_prefix="/")
        session = Session(model, device="cpu")
        pictures = [encoded(Image.fromarray(flow_models.picture(number)), "PNG") for number in range(40)]
        wanted = [session.remove(picture, background="white", on_empty="ignore") for picture in pictures]
        url = f"http://127.0.0.1:{port}/"
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda picture: post(url, picture), pictures))
        assert answers == [(200, one) for one in wanted]
        assert handle.remote(pictures[0]).result(timeout_s=60) == wanted[0]
        status, says = post(url, b"garbage")
        assert (status, b"no image" in says) == (400, True)
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(url, timeout=60)
    finally:
        serve.shutdown()
