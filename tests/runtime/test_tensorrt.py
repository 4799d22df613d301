"""TensorRT as far as a machine without it goes: where its engines are kept, what is passed on, what is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import ModelSpec, Session, _core, _loading, errors
from rmbg_fast._runtime import gpu
from support import small_network


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return small_network.saved(tmp_path)


def test_a_runtime_without_it(spec: ModelSpec, home: Path) -> None:
    for device in ("tensorrt", "tensorrt:1"):
        with pytest.raises(errors.DeviceError, match=r"no TensorRT provider.*onnxruntime_providers_tensorrt"):
            Session(spec, device=device)


def test_engines_are_kept_in_the_cache_folder(spec: ModelSpec, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is asked with what a session passes on; what it would run is left to the CPU."""
    asked: list[tuple[str, int, dict[str, Any]]] = []
    monkeypatch.setattr(gpu, "check", lambda device, number, options: asked.append((device, number, dict(options))))
    plain = _core.Remover

    def remover(path: Any, recipe: Any, device: str, number: int, *rest: Any) -> _core.Remover:
        asked.append((device, number, dict(rest[3])))
        return plain(path, recipe, "cpu", 0, *rest[:3], [], [], rest[5])

    monkeypatch.setattr(_core, "Remover", remover)
    session = Session(spec, device="tensorrt:1", provider_options={"trt_fp16_enable": True, "runs_at_once": 1})
    folder = home / "tensorrt"
    assert folder.is_dir()
    assert session.details["runs_at_once"] == 1
    wanted = {
        "trt_fp16_enable": "1",
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": os.fsencode(folder),
    }
    assert [(device, number) for device, number, _ in asked] == [("tensorrt", 1)] * 2
    for _, _, options in asked:
        assert {name: os.fsencode(value) if "path" in name else value for name, value in options.items()} == wanted


def test_engines_without_a_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cache folder cannot be written, engines are built anew each time, and that is said."""
    home.write_text("a file in the folder's place")
    with pytest.warns(RuntimeWarning, match="engines are built anew"):
        assert gpu.tensorrt_cache() == []
    assert home.read_text() == "a file in the folder's place"


def test_the_place_is_known_to_the_cache_command(home: Path) -> None:
    assert gpu.engines() == home / "tensorrt"
    assert _loading.device_of("tensorrt:3") == ("tensorrt", 3)
