"""What a GPU needs: options, NVIDIA's libraries in their wheels, messages. None of it needs a GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmbg_fast import Session, _core, errors
from rmbg_fast._runtime import gpu, library
from support.stand_in import compiler
from support.tiny_models import fails, tiny


def test_options_become_text() -> None:
    given = {"gpu_mem_limit": 1 << 31, "use_tf32": False, "cudnn_conv_algo_search": "HEURISTIC", "runs_at_once": 5}
    options, runs = gpu.options_of("cuda", given)
    assert dict(options) == {
        "prefer_nhwc": "1",
        "gpu_mem_limit": "2147483648",
        "use_tf32": "0",
        "cudnn_conv_algo_search": "HEURISTIC",
    }
    assert runs == 5
    assert gpu.options_of("cuda", None) == ([("prefer_nhwc", "1")], gpu.RUNS_AT_ONCE)
    assert gpu.options_of("cuda", {"prefer_nhwc": False})[0] == [("prefer_nhwc", "0")]
    assert gpu.options_of("tensorrt", None)[0] == gpu.options_of("cpu", None)[0] == []
    assert gpu.options_of("cuda", {"enable_cuda_graph": True})[1] == 1


@pytest.mark.parametrize(
    ("device", "option", "says"),
    [
        ("cuda", {"speed": 1}, "known: runs_at_once, gpu_mem_limit"),
        ("cuda", {"device_id": 1}, "known:"),
        ("cpu", {"use_tf32": 1}, "the CPU has no such options"),
        ("cuda", {"use_tf32": "yes"}, "one of 0, 1"),
        ("cuda", {"gpu_mem_limit": -1}, "1048576 to"),
        ("cuda", {"runs_at_once": 17}, "1 to 16"),
        ("tensorrt", {"prefer_nhwc": 1}, "trt_fp16_enable"),
    ],
)
def test_wrong_options_are_refused(device: str, option: dict[str, object], says: str) -> None:
    with pytest.raises(errors.OptionError, match=says):
        gpu.options_of(device, option)
    with pytest.raises(errors.OptionError, match=says):  # before a model is looked for
        Session("no such model", device=device, provider_options=option)


@pytest.mark.parametrize("given", [["use_tf32"], "use_tf32=1", 1])
def test_options_that_are_no_mapping(given: Any) -> None:
    for device in ("cuda", "cpu", "openvino"):
        with pytest.raises(errors.OptionError, match=f"mapping of names to values, not {type(given).__name__}"):
            Session("no such model", device=device, provider_options=given)


def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    """In a process of its own, which takes the stand-in for the driver; the tests' own process may have none."""
    code = f"""
from pathlib import Path
from support import stand_in
stand_in.use(Path({str(tmp_path)!r}))
from rmbg_fast import _core, errors
try:
    _core.cuda_device(97)
except errors.DeviceError as exc:
    assert str(exc) == "there is no GPU 97: this machine has 1, counted from 0", exc
else:
    raise AssertionError("it is there")
"""
    paths = [str(Path(__file__).parents[1]), *(p for p in sys.path if p)]
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": ":".join(paths)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_messages_of_the_runtime_show_no_places_in_its_source(tmp_path: Path) -> None:
    """A graph that fails within the runtime, which begins its message with a file, a line and a signature."""
    spec = tiny(tmp_path / "fails.onnx", fails())
    with pytest.raises(errors.RmbgError) as caught:
        Session(spec, device="cpu", optimize=False).mask(np.zeros((32, 32, 3), np.uint8), on_empty="ignore")
    message = str(caught.value)
    assert "cannot be reshaped" in message
    assert not re.search(r"onnxruntime/|\.(cc|h):\d+|::", message), message


@pytest.mark.parametrize(
    ("message", "version", "wheel"),
    [
        ("libcublasLt.so.12: cannot open shared object file", 12, "pip install nvidia-cublas-cu12"),
        ("libcublasLt.so.13: cannot open shared object file", 13, "pip install nvidia-cublas,"),
        ("libcudnn.so.9: cannot open shared object file", 13, "pip install nvidia-cudnn-cu13"),
        ("libcurand.so.10: cannot open shared object file", 12, "pip install nvidia-curand-cu12"),
        ("libcuda.so.1: cannot open shared object file", 13, "install the GPU's driver"),
        ("the model is broken", 13, "^the model is broken$"),
    ],
)
def test_messages_name_the_wheel(message: str, version: int, wheel: str) -> None:
    assert re.search(wheel, gpu._explained(message, version))


@pytest.mark.parametrize("stem", ["cudnn", "cufft"])
def test_a_library_that_is_missing(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider may load without it and fail later; what no model here calls is left to the provider."""
    monkeypatch.setattr(gpu, "_cuda_version", lambda _: 13)
    monkeypatch.setattr(gpu, "_load", lambda _: [(stem, f"lib{stem}.so.9: cannot open shared object file")])
    monkeypatch.setattr(_core, "check_device", lambda *_: None)
    library.load()
    if stem == "cufft":
        gpu.check("cuda", 0, [])
        return
    with pytest.raises(errors.DeviceError, match=r"libcudnn\.so\.9: cannot open.*pip install nvidia-cudnn-cu13"):
        gpu.check("cuda", 0, [])


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-ins for the libraries are built for Linux")
def test_libraries_of_the_wheels_are_loaded_in_order(tmp_path: Path) -> None:
    """Fake wheels whose libraries need each other by name, as NVIDIA's do; in a process of its own."""
    blas, cudnn = tmp_path / "nvidia/cu13/lib", tmp_path / "nvidia/cudnn/lib"
    runtime = tmp_path / "onnxruntime/capi"
    for folder in (blas, cudnn, runtime):
        folder.mkdir(parents=True)

    def library(path: Path, *needs: Path) -> Path:
        """A library that needs others, which it finds by name only."""
        source = tmp_path / "empty.cpp"
        source.write_text(f'extern "C" int {"_".join(path.stem.split("."))}_there() {{ return 1; }}\n')
        command = [compiler(), "-shared", "-fPIC", str(source), "-o", str(path), f"-Wl,-soname,{path.name}"]
        subprocess.run([*command, "-Wl,--no-as-needed", *map(str, needs)], check=True)
        return path

    # A version that no machine has, lest the loader finds the real ones.
    names = ["cudart", "nvrtc", "cublasLt", "cufft", "curand"]
    made = {stem: library(blas / f"lib{stem}.so.97") for stem in names}
    made["cublas"] = library(blas / "libcublas.so.97", made["cublasLt"])
    graph = library(cudnn / "libcudnn_graph.so.97", made["cublasLt"])
    made["cudnn"] = library(cudnn / "libcudnn.so.97", made["cublas"])
    library(cudnn / "libcudnn_a_first_of_all.so.97", graph)
    library(runtime / "libonnxruntime_providers_cuda.so", *made.values())
    code = f"""
from pathlib import Path
from rmbg_fast import _core
from rmbg_fast._runtime import gpu, library
provider = Path({str(runtime)!r}) / "libonnxruntime_providers_cuda.so"
assert _core.open_library(str(provider)) != ""
version = gpu._cuda_version(Path({str(runtime)!r}) / "libonnxruntime.so")
assert version == 97, version
gpu._LIBRARIES = tuple((stem, "", "97", wheel) for stem, _, _, wheel in gpu._LIBRARIES)
missing = gpu._load(version)
assert missing == [], missing
assert _core.open_library(str(provider)) == ""
assert {{"libcudnn_a_first_of_all.so.97", "libcudnn_graph.so.97"}} <= gpu._mapped()
assert gpu._load(version) == []
"""
    package = Path(_core.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{tmp_path}:{package}:{':'.join(p for p in sys.path if p)}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
