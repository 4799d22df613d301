"""A folder for transformers, and the weights of an IS-Net that was never trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where transformers puts the code that it executes: not into the user's cache."""
    modules = pytest.importorskip("transformers.dynamic_module_utils")
    pytest.importorskip("safetensors")
    monkeypatch.setattr(modules, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


@pytest.fixture(scope="session")
def state() -> dict[str, Any]:
    """The state dict of an IS-Net with random weights."""
    torch = pytest.importorskip("torch")
    from rmbg_fast.convert.isnet import ISNet

    torch.manual_seed(0)
    return dict(ISNet().state_dict())


@pytest.fixture(scope="session")
def weights(state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file of torch's."""
    path = tmp_path_factory.mktemp("weights") / "model.pth"
    pytest.importorskip("torch").save(state, path)
    return path
