"""A row whose activation is wrong: the mask's values give it away; those of right rows never do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from rmbg_fast import ActivationWarning, ModelSpec, Session, models
from rmbg_fast._images import sample
from rmbg_fast._scene import doubt
from support.tiny_models import ramp, tiny

NAN = float("nan")


@pytest.mark.parametrize(
    ("activation", "values", "doubtful"),
    [
        ("sigmoid", (0.5, 0.7310586), "has a sigmoid already"),
        ("sigmoid", (0.5, 0.5), "has a sigmoid already"),
        ("sigmoid", (0.49, 0.75), "has a sigmoid already"),  # overshoot of a resampler
        ("sigmoid", (1e-6, 0.731), ""),
        ("sigmoid", (0.5, 0.9999), ""),
        ("sigmoid", (0.0, 0.001), ""),  # no subject
        ("sigmoid", (0.99, 1.0), ""),  # nothing else
        ("none", (-9.0, 12.0), "has no sigmoid"),
        ("none", (-9.0, -3.0), "has no sigmoid"),
        ("none", (0.0, 1.0), ""),
        ("none", (-0.09, 1.09), ""),  # overshoot
        ("none", (-1.0, 1.0), ""),  # tanh
        ("none", (0.0, 255.0), ""),  # a mask of other units, which min-max brings to 0..1
        ("none", (float("inf"), float("-inf")), ""),  # no finite value
        ("sigmoid", (float("inf"), float("-inf")), ""),
        ("none", (NAN, NAN), ""),
        ("sigmoid", (NAN, NAN), ""),
    ],
)
def test_rule(activation: str, values: tuple[float, float], doubtful: str) -> None:
    found = doubt(activation, *values)
    assert doubtful in found
    assert bool(found) == bool(doubtful)


@pytest.fixture(scope="module")
def logits(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """u2netp without the sigmoid at its end, and the row that says so."""
    model = onnx.load(models.path("u2netp"))
    chosen = model.graph.output[0].name
    (last,) = [node for node in model.graph.node if chosen in node.output]
    assert last.op_type == "Sigmoid"
    model.graph.node.remove(last)
    model.graph.output[0].name = last.input[0]
    path = tmp_path_factory.mktemp("logits") / "logits.onnx"
    onnx.save(model, path)
    return ModelSpec.for_file(path, like="u2netp", activation="sigmoid", output=last.input[0])


def pictures() -> Iterator[NDArray[np.uint8]]:
    photo = np.asarray(sample.photo())
    yield photo
    yield photo[:40, :40]  # no subject
    yield photo[120:220, 180:280]  # nothing but subject
    for grey in (0, 128, 255):
        yield np.full((50, 70, 3), grey, np.uint8)
    yield np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)


def test_right_rows_of_real_models(logits: ModelSpec, isnet_session: Session) -> None:
    sessions = [Session("u2netp", device="cpu"), Session(logits, device="cpu"), isnet_session]
    for picture in pictures():
        for session in sessions:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ActivationWarning)
                session.mask(picture, on_empty="ignore")


def test_second_sigmoid_and_missing_one(logits: ModelSpec) -> None:
    for model, wrong, why in (("u2netp", "sigmoid", "has a sigmoid already"), (logits, "none", "has no sigmoid")):
        for picture in pictures():
            session = Session(model, device="cpu", recipe={"activation": wrong})
            with pytest.warns(ActivationWarning, match=f'activation = "{wrong}" looks wrong.*{why}.*try recipe='):
                session.mask(picture, on_empty="ignore")


@pytest.mark.parametrize("minmax", ["none", "before", "after"])
@pytest.mark.parametrize("resample", ["bilinear", "pillow-bicubic", "pillow-lanczos"])
def test_warned_of_once_a_session_whatever_the_recipe(tmp_path: Path, minmax: str, resample: str) -> None:
    spec = tiny(tmp_path / "ramp.onnx", ramp(0, 1))
    recipe = {"activation": "sigmoid", "minmax": minmax, "mask_resample": resample}
    picture = np.full((64, 48, 3), 9, np.uint8)
    for _ in range(2):  # of each session
        session = Session(spec, device="cpu", recipe=recipe)
        with warnings.catch_warnings(record=True, action="always") as caught:
            session.remove(picture)
            session.predict(picture)
            session.mask(picture)
        assert [warning.category for warning in caught] == [ActivationWarning]
        assert caught[0].filename == __file__
