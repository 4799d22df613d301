"""What a session gives besides pixels, and how it comes and goes."""

from __future__ import annotations

import array
import io
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from rmbg_fast import ModelSpec, Session, errors, ops
from rmbg_fast._runtime import threads

SIZE = 32


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """A model whose mask is the mean of the channels."""
    path = tmp_path_factory.mktemp("model") / "grey.onnx"
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["input"], ["output"], axes=[1], keepdims=1)],
        "grey",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return ModelSpec.for_file(path, like="isnet-general-use", size=(SIZE, SIZE))


@pytest.fixture(scope="module")
def session(grey: ModelSpec) -> Session:
    return Session(grey, device="cpu", threads=2)


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (41, 60, 3), dtype=np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "png")
    return stream.getvalue()


class TestPredict:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_cutout_and_mask_are_those_of_remove_and_mask(
        self, session: Session, photo: NDArray[np.uint8], dtype: type
    ) -> None:
        picture = photo.astype(dtype) * (257 if dtype is np.uint16 else 1)
        result = session.predict(picture)
        assert np.array_equal(result.cutout, session.remove(picture))
        assert np.array_equal(result.mask, session.mask(picture, dtype=dtype))
        assert result.mask.dtype == dtype

    def test_options_are_those_of_remove(self, session: Session, photo: NDArray[np.uint8]) -> None:
        changes = ({"background": "red"}, {"threshold": 100}, {"alpha": "premultiplied"}, {"foreground": "estimate"})
        for options in changes:
            result = session.predict(photo, **options)  # type: ignore[arg-type]
            assert np.array_equal(result.cutout, session.remove(photo, **options))
            assert np.array_equal(result.mask, session.mask(photo))

    def test_cutout_is_of_the_kind_that_came_in(
        self, session: Session, photo: NDArray[np.uint8], tmp_path: Path
    ) -> None:
        data = png(photo)
        (tmp_path / "photo.png").write_bytes(data)
        assert isinstance(session.predict(tmp_path / "photo.png").cutout, Image.Image)
        assert isinstance(session.predict(Image.fromarray(photo)).cutout, Image.Image)
        assert session.predict(data).cutout.startswith(b"\x89PNG")

    def test_says_the_same_in_every_thread(self, session: Session) -> None:
        dark = np.zeros((20, 30, 3), np.uint8)
        dark[5:9, 3:8] = 255
        light = np.full((20, 30, 3), 255, np.uint8)
        light[0, 0] = 0
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(session.predict, [dark, light] * 8))
        assert all(result.scene.coverage < 0.2 for result in results[::2])
        assert all(result.scene.coverage > 0.8 for result in results[1::2])
        assert all(next(iter(result.timings)) == "decode" and result.timings["inference"] > 0 for result in results)

    def test_scene_of_a_picture_without_subject(self, session: Session) -> None:
        result = session.predict(np.full((9, 9, 3), 40, np.uint8), on_empty="ignore")
        assert result.scene.empty
        assert result.scene.box is None
        assert not result.cutout.any()
        with pytest.raises(errors.ModelOutputError):
            session.predict(np.full((9, 9, 3), 40, np.uint8), on_empty="raise")
        assert session.scene is None
        assert session.timings == {}


class TestMemory:
    """Memory of one dimension is a file, memory with a shape is pixels; in ops it is always pixels."""

    def test_of_a_file(self, session: Session, photo: NDArray[np.uint8]) -> None:
        data = png(photo)
        wanted = session.remove(data)
        for other in (bytearray(data), memoryview(data), array.array("B", data)):
            assert session.remove(other) == wanted  # type: ignore[call-overload]

    def test_with_a_shape(self, session: Session, photo: NDArray[np.uint8]) -> None:
        result = session.remove(memoryview(photo))
        assert np.array_equal(result, session.remove(photo))
        assert np.array_equal(ops.preprocess(memoryview(photo), size=(8, 8)), ops.preprocess(photo, size=(8, 8)))

    def test_one_dimension_is_no_picture_for_ops(self, photo: NDArray[np.uint8]) -> None:
        with pytest.raises(errors.ImageError):
            ops.preprocess(memoryview(png(photo)), size=(8, 8))


class TestLife:
    def test_repr_tells_model_recipe_device_and_threads(self, session: Session) -> None:
        assert repr(session).startswith("<rmbg_fast.Session 'grey', recipe ")
        assert repr(session).endswith("CPUExecutionProvider, 2 threads>")

    def test_closed(self, grey: ModelSpec, photo: NDArray[np.uint8]) -> None:
        with Session(grey, device="cpu") as session:
            session.remove(photo)
        session.close()
        assert "closed" in repr(session)
        for call in (session.remove, session.mask, session.predict):
            with pytest.raises(errors.SessionClosedError, match="grey is closed"):
                call(photo)
        with pytest.raises(errors.SessionClosedError):
            session.provider  # noqa: B018
        assert session.model.name == "grey"

    def test_calls_under_way_end_as_usual(self, grey: ModelSpec, photo: NDArray[np.uint8]) -> None:
        session = Session(grey, device="cpu")
        wanted = session.remove(photo)

        def work(_: int) -> NDArray[np.uint8] | None:
            try:
                return session.remove(photo)
            except errors.SessionClosedError:
                return None

        with ThreadPoolExecutor(4) as pool:
            results = pool.map(work, range(200))
            session.close()
            assert all(result is None or np.array_equal(result, wanted) for result in results)

    def test_pickled_it_is_made_again(self, grey: ModelSpec, photo: NDArray[np.uint8]) -> None:
        session = Session(grey, device="cpu", threads=1, recipe={"minmax": "none"})
        again = pickle.loads(pickle.dumps(session))
        assert repr(again) == repr(session)
        assert again.model == session.model
        assert np.array_equal(again.remove(photo), session.remove(photo))

    def test_goes_to_a_spawned_process(self, grey: ModelSpec, photo: NDArray[np.uint8], tmp_path: Path) -> None:
        session = Session(grey, device="cpu", threads=1)
        (tmp_path / "session").write_bytes(pickle.dumps((session, photo)))
        script = "import pickle, sys; s, photo = pickle.load(open(sys.argv[1], 'rb')); print(s.remove(photo).sum())"
        run = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "session")], capture_output=True, text=True, check=True
        )
        assert int(run.stdout) == session.remove(photo).sum()


class TestThreads:
    @pytest.mark.parametrize(
        ("ours", "everybodys", "count"),
        [("3", "5", 3), ("", "5", 5), ("", "5,2", None), ("", "0", None), ("", "", None)],
    )
    def test_default(self, monkeypatch: pytest.MonkeyPatch, ours: str, everybodys: str, count: int | None) -> None:
        monkeypatch.setenv("RMBG_FAST_THREADS", ours)
        monkeypatch.setenv("OMP_NUM_THREADS", everybodys)
        assert threads.chosen(None) == (count or threads.available())
        assert threads.chosen(7) == 7

    @pytest.mark.parametrize("text", ["0", "-1", "two", "99999"])
    def test_bad_variable_is_named(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv("RMBG_FAST_THREADS", text)
        with pytest.raises(errors.OptionError, match="RMBG_FAST_THREADS"):
            threads.chosen(None)
