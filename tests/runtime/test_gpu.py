"""What a GPU needs: options, NVIDIA's libraries in their wheels, messages. None of it needs a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rmbg_fast import Session, _core, errors
from rmbg_fast._runtime import gpu
from support.stand_in import compiler


def test_options_become_text() -> None:
    given = {"gpu_mem_limit": 1 << 31, "use_tf32": False, "cudnn_conv_algo_search": "HEURISTIC", "runs_at_once": 3}
    options, runs = gpu.options_of("cuda", given)
    assert options == [("gpu_mem_limit", "2147483648"), ("use_tf32", "0"), ("cudnn_conv_algo_search", "HEURISTIC")]
    assert runs == 3
    assert gpu.options_of("cuda", None) == ([], gpu.RUNS_AT_ONCE)
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


def test_every_slot_of_the_gpu_is_where_it_is_called() -> None:
    from rmbg_fast._runtime import library

    library.load()
    assert _core.check_slots() == []


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
    import re

    assert re.search(wheel, gpu._explained(message, version))


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

    names = {"cudart": "13", "nvrtc": "13", "cublasLt": "13", "cufft": "12", "curand": "10"}
    made = {stem: library(blas / f"lib{stem}.so.{version}") for stem, version in names.items()}
    made["cublas"] = library(blas / "libcublas.so.13", made["cublasLt"])
    graph = library(cudnn / "libcudnn_graph.so.9", made["cublasLt"])
    made["cudnn"] = library(cudnn / "libcudnn.so.9", made["cublas"])
    library(cudnn / "libcudnn_a_first_of_all.so.9", graph)
    library(runtime / "libonnxruntime_providers_cuda.so", *made.values())
    code = f"""
from pathlib import Path
from rmbg_fast import _core
from rmbg_fast._runtime import gpu
provider = Path({str(runtime)!r}) / "libonnxruntime_providers_cuda.so"
assert _core.open_library(str(provider)) != ""
version = gpu._cuda_version(Path({str(runtime)!r}) / "libonnxruntime.so")
assert version == 13, version
missing = gpu._load(version)
assert missing == [], missing
assert _core.open_library(str(provider)) == ""
assert {{"libcudnn_a_first_of_all.so.9", "libcudnn_graph.so.9"}} <= gpu._mapped()
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
