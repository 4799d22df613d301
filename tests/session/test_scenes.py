"""Pictures without a subject, and what a session says of those that have one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import rmbg_fast
from rmbg_fast import ModelSpec, Session, errors
from support.tiny_models import constant, ramp, tiny

NAN, INF = float("nan"), float("inf")
SCENES = [
    (constant(NAN), {}, "no finite value", 0.0),
    (constant(INF), {}, "no finite value", 0.0),
    (constant(0.25), {}, "constant", 0.0),
    (constant(1.0), {}, "constant", 1.0),  # a picture full of subject
    (constant(0.25), {"empty": "opaque"}, "constant", 1.0),
    (constant(0.25), {"minmax": "before"}, "constant", 0.0),
    (constant(0.25), {"minmax": "none"}, "", 0.25),
    (constant(0.25), {"recipe": "rembg"}, "constant", 0.0),
    (constant(0.75), {"recipe": "rembg"}, "constant", 1.0),
    (constant(0.01), {"recipe": "rmbg-2.0", "empty": "opaque"}, "no subject", 1.0),
    (constant(1.0), {"recipe": "rmbg-2.0"}, "", 1.0),
    (ramp(0, 0.004), {}, "no subject.*0.00", 0.0),  # min-max would make an opaque blob of it
    (ramp(0, 0.004), {"empty": "opaque"}, "no subject", 1.0),
    (ramp(0, 0.004), {"minmax": "none"}, "no subject", 0.0),
    (ramp(0, 0.004), {"empty_below": 0.001}, "", None),
    (ramp(0.3, 0.31), {}, "constant", 0.0),  # noise around one value
    (ramp(0.96, 0.98), {}, "constant", 1.0),
    (ramp(0, 0.2), {}, "", None),
]


@pytest.mark.filterwarnings("ignore::rmbg_fast.EmptyMaskWarning")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("nodes", "recipe", "problem", "alpha"), SCENES)
def test_scenes_without_a_subject(
    tmp_path: Path, nodes: list[onnx.NodeProto], recipe: dict[str, Any], problem: str, alpha: float | None, dtype: Any
) -> None:
    session = Session(tiny(tmp_path / "flat.onnx", nodes), device="cpu", recipe=recipe)
    photo = np.full((70, 45, 3), 7, dtype)
    out = np.full((70, 45, 4), 9, dtype)
    if problem:
        with pytest.raises(errors.ModelOutputError, match=problem):
            session.remove(photo, on_empty="raise", out=out)
        assert (out == 9).all()  # nothing was written
        with pytest.warns(rmbg_fast.EmptyMaskWarning, match=problem):
            session.remove(photo, out=out)
    else:
        session.remove(photo, on_empty="raise", out=out)
    assert re.search(problem, session.scene.empty)
    assert bool(session.scene.empty) is bool(problem)
    top = np.iinfo(dtype).max
    if alpha is None:
        assert (out[..., 3].min(), out[..., 3].max()) == (0, top)
        assert 0.4 < session.scene.coverage < 0.6
    else:
        assert (out[..., 3] == int(alpha * top)).all()
        assert session.scene.coverage == pytest.approx(alpha)
    mask = session.mask(photo, dtype="float32", on_empty="ignore")
    assert np.isfinite(mask).all()
    np.testing.assert_allclose(mask, out[..., 3] / top, rtol=0, atol=1 / 255 + 1e-6)


def test_what_on_empty_may_be(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    session = Session(grey_model, device="cpu")
    for call in (session.remove, session.mask):
        with pytest.raises(errors.OptionError, match="on_empty must be one of 'warn', 'raise', 'ignore', not 'no'"):
            call(photo, on_empty="no")


def test_coverage_is_the_mean_alpha(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    session = Session(grey_model, device="cpu")
    assert session.scene is None
    mask = session.mask(photo, dtype="float32")
    assert session.scene.empty == ""
    assert session.scene.coverage == pytest.approx(mask.mean(), abs=0.02)
    assert session.scene.range[0] < session.scene.range[1]
