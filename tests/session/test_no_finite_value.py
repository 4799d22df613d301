"""A model that gives no finite value is most likely damaged: the warning names its file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast import EmptyMaskWarning, Session
from support.tiny_models import constant, tiny


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_warning_names_the_file(tmp_path: Path, value: float) -> None:
    session = Session(tiny(tmp_path / "spoilt.onnx", constant(value)), device="cpu")
    graph = session.details["graph"]
    with pytest.warns(EmptyMaskWarning, match=rf"no finite value .*; the model is {re.escape(graph)}$"):
        session.mask(np.zeros((9, 9, 3), np.uint8))
    assert session.scene
    assert graph in session.scene.empty
