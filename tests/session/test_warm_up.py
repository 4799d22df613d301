"""A session that has run its model before the first call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rmbg_fast import ModelSpec, Session, errors
from support.tiny_models import fails, tiny


def test_the_model_is_run_when_the_session_is_made(tmp_path: Path) -> None:
    failing = tiny(tmp_path / "failing.onnx", fails())
    Session(failing, device="cpu", optimize=False)
    with pytest.raises(errors.RmbgError, match="cannot be reshaped"):
        Session(failing, device="cpu", optimize=False, warm_up=True)


def test_it_is_no_call_of_the_users(grey_model: ModelSpec, photo: np.ndarray) -> None:
    with (
        Session(grey_model, device="cpu", optimize=False) as cold,
        Session(grey_model, device="cpu", warm_up=True) as warm,
    ):
        assert warm.scene is None
        assert warm.timings == {}
        assert (warm.mask(photo) == cold.mask(photo)).all()
        warm.warm_up()
        assert warm.scene is None
