"""A GPU run, in one table each: is it right, does it last, how fast is it, against what others write.

    python benches/gpu.py [--device cuda] [--quick] [--json FILE] [--only PART]

The limit is the bare model in a loop, its tensors bound on the device (gpu_rivals.py, in processes of their own: two
copies of ONNX Runtime do not share one). `--quick` takes a small model with random weights, and `--device stand-in`
the CPU in the GPU's place (see `--driver`): together they see that the script runs where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gpu_pictures
import numpy as np
from gpu_calls import SIZES, median_call, throughput
from gpu_rivals import picture, small_model
from numpy.typing import NDArray
from tables import table

from rmbg_fast import ModelSpec, RmbgError, Session, _core, _loading, models

Array = NDArray[Any]
PHOTOS = ("cat", "astronaut", "coffee", "rocket")
HERE = Path(__file__).parent


class Run:
    """What the parts share."""

    def __init__(self, options: argparse.Namespace, spec: ModelSpec, path: Path) -> None:
        self.device, self.quick, self.spec, self.path = options.device, options.quick, spec, path
        self.driver: str | None = options.driver
        self.seconds = 0.2 if self.quick else 1.0

    def session(self, **options: Any) -> Session:
        """A session on the device, or on the stand-in for it."""
        if self.device != "stand-in":
            return Session(self.spec, device=self.device, **options)
        made = Session(self.spec, device="cpu", optimize=False)
        device = _loading.Device("stand-in", 0, (), 2)
        made._open, made._details = _loading.load(models.ensure(self.spec), self.spec, device, 1, network=False)
        return made

    def free(self) -> float:
        """MB of the device's memory that are free."""
        return float(_core.cuda_device(0)["free"] / 1e6)


def photo(name: str) -> Array:
    """A photo of scikit-image where it is there, else the cat of docs."""
    from PIL import Image

    try:
        from skimage import data

        return np.asarray({"cat": data.chelsea}.get(name, getattr(data, name, data.chelsea))())
    except Exception:  # a file that the package would have to fetch
        return np.asarray(Image.open(HERE.parent / "docs" / "cat.jpg").convert("RGB"))


# --- is it right, does it last ---


def masks(run: Run) -> list[dict[str, Any]]:
    """Masks of four photos against the CPU's, and the whole cut-out where alpha is the same."""
    gpu, cpu = run.session(), Session(run.spec, device="cpu")
    rows = []
    for name in PHOTOS:
        image = photo(name)
        apart = np.abs(gpu.mask(image, on_empty="ignore").astype(int) - cpu.mask(image, on_empty="ignore").astype(int))
        first, again = (gpu.remove(image, on_empty="ignore") for _ in range(2))
        rows.append(
            {
                "photo": name,
                "mean of levels apart": f"{apart.mean():.4f}",
                "most": int(apart.max()),
                "twice the same": bool((first == again).all()),
                "coverage": f"{gpu.scene.coverage:.3f}",
                "holds": bool(apart.mean() <= 1 and apart.max() <= 4),
            }
        )
    return rows


def endurance(run: Run) -> list[dict[str, Any]]:
    """Many mixed pictures from eight threads: each result that of a call alone, and memory as it was."""
    gpu = run.session(warm_up=True) if run.device != "stand-in" else run.session()
    random = np.random.default_rng(1)
    kinds = []
    for height, width, channels in [(480, 640, 3), (1080, 1920, 3), (333, 500, 4), (700, 300, 1), (64, 64, 3)]:
        small = random.integers(0, 255, (height // 8 + 1, width // 8 + 1, channels), np.uint8)
        kinds.append(small.repeat(8, 0).repeat(8, 1)[:height, :width].squeeze())
    kinds.append(kinds[0].astype(np.uint16) * 257)
    alone = [gpu.remove(image, on_empty="ignore") for image in kinds]
    count = 24 if run.quick else 1000
    wrong = []

    def one(index: int) -> None:
        which = index % len(kinds)
        if not (gpu.remove(kinds[which], on_empty="ignore") == alone[which]).all():
            wrong.append(index)

    rows = []
    for part, many in {"first": count // 4, "then": count}.items():
        start = time.perf_counter()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(many)))
        taken = time.perf_counter() - start
        rows.append(
            {
                "part": part,
                "pictures": many,
                "wrong": len(wrong),
                "images/s": f"{many / taken:.1f}",
                "device MB free": f"{run.free():.0f}",
                "process MB": f"{resident():.0f}",
            }
        )
    return rows


def resident() -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1e3 for line in status if line.startswith("VmRSS"))


def errors(run: Run) -> list[dict[str, Any]]:
    """What must fail, fails with its own error; the session beside it lives on."""
    gpu = run.session()
    image = photo("cat")
    before = gpu.mask(image, on_empty="ignore")
    attempts: dict[str, Callable[[], Any]] = {
        "a device that is not there": lambda: Session(run.spec, device="cuda:97"),
        "an option that is not known": lambda: Session(run.spec, device="cuda", provider_options={"speed": 1}),
    }
    if run.device != "stand-in":
        limit = {"gpu_mem_limit": 32 << 20}
        attempts["a device without memory"] = lambda: Session(
            run.spec, device=run.device, provider_options=limit, warm_up=True
        )
    wanted = {
        "a device that is not there": "DeviceError: "
        if run.device == "stand-in"
        else "DeviceError: there is no GPU 97",
        "an option that is not known": "OptionError: provider_options",
        "a device without memory": "not enough memory",
    }
    rows = []
    for name, attempt in attempts.items():
        try:
            attempt()
            said, right = "no error", False
        except RmbgError as exc:
            said = f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"
            right = "onnxruntime/" not in said and "/prepared/" not in said and wanted[name] in said
        rows.append({"attempt": name, "holds": right, "error": said})
    same = bool((gpu.mask(image, on_empty="ignore") == before).all())
    return [*rows, {"attempt": "the session beside them", "holds": same, "error": ""}]


# --- how fast ---


def calls(run: Run) -> list[dict[str, Any]]:
    """ndarray to RGBA, `out` given: milliseconds of a call alone, images a second with worker threads."""
    gpu = run.session()
    rows = []
    for name, size in SIZES.items():
        image = picture(size)
        outs = [np.empty((*size, 4), np.uint8) for _ in range(8)]
        alone, stages = median_call(gpu, image, outs[0], run.seconds)
        row = {"picture": name, "ms alone": f"{alone:.2f}", **{key: f"{ms:.2f}" for key, ms in stages.items()}}
        for workers in (1, 2, 4, 8):
            row[f"images/s, {workers}"] = f"{throughput(gpu, image, outs[:workers], run.seconds):.1f}"
        rows.append(row)
    return rows


def pictures(run: Run) -> list[dict[str, Any]]:
    """Pictures that lie on the GPU against those of the host."""
    return gpu_pictures.rows(run.session(), run.seconds / 2, run.driver)


def options(run: Run) -> list[dict[str, Any]]:
    """1080p with the provider's options: what they are worth here."""
    image = picture(SIZES["1080p"])
    outs = [np.empty((*SIZES["1080p"], 4), np.uint8) for _ in range(4)]
    base = None
    ways: list[dict[str, Any]] = [
        {},
        {"runs_at_once": 1},
        {"runs_at_once": 2},
        {"runs_at_once": 4},
        {"enable_cuda_graph": 1},
        {"cudnn_conv_algo_search": "HEURISTIC"},
        {"prefer_nhwc": 0},
        {"prefer_nhwc": 0, "runs_at_once": 2},
    ]
    rows = []
    for way in ways[:1] if run.device == "stand-in" else ways:
        row: dict[str, Any] = {"options": json.dumps(way)}
        try:
            start = time.perf_counter()
            gpu = run.session() if run.device == "stand-in" else run.session(provider_options=way, warm_up=True)
            row["s to warm"] = f"{time.perf_counter() - start:.1f}"
            alone, stages = median_call(gpu, image, outs[0], run.seconds / 2)
            mask = gpu.mask(photo("cat"), on_empty="ignore").astype(int)
            base = mask if base is None else base
            row |= {
                "ms alone": f"{alone:.2f}",
                "inference": f"{stages['inference']:.2f}",
                "images/s, 4": f"{throughput(gpu, image, outs, run.seconds / 2):.1f}",
                "levels apart": int(np.abs(mask - base).max()),
            }
        except RmbgError as exc:
            row["error"] = " ".join(str(exc).split())[:120]
        rows.append(row)
    return [{key: row.get(key, "") for key in dict.fromkeys(key for r in rows for key in r)} for row in rows]


def rivals(run: Run) -> list[dict[str, Any]]:
    """What others write, and the bare model, each in a process of its own."""
    return rivals_of(run, ["limit", "limit-nhwc", "limit-batch-8", "usual", "rembg", "torch-fp16"])


def limits(run: Run) -> list[dict[str, Any]]:
    """The bare model alone."""
    return rivals_of(run, ["limit-nhwc", "limit"])


def rivals_of(run: Run, names: list[str]) -> list[dict[str, Any]]:
    device = "cpu" if run.device == "stand-in" else run.device
    rows = []
    for name in names:
        command = [sys.executable, str(HERE / "gpu_rivals.py"), name, str(run.path), "--device", device]
        command += ["--seconds", str(run.seconds)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=90)
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            rows += [json.loads(line) for line in lines]
            if not lines:
                rows.append({"who": name, "error": (done.stderr.strip() or "no output").splitlines()[-1][:150]})
        except subprocess.TimeoutExpired:
            rows.append({"who": name, "error": "took more than 90 s"})
    return [{key: row.get(key, "") for key in dict.fromkeys(key for r in rows for key in r)} for row in rows]


PARTS: dict[str, Callable[[Run], list[dict[str, Any]]]] = {
    "masks": masks,
    "calls": calls,
    "pictures": pictures,
    "limits": limits,
    "rivals": rivals,
    "options": options,
    "errors": errors,
    "endurance": endurance,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--driver", help="another library than libcuda.so.1")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=[*PARTS], action="append")
    chosen = parser.parse_args()
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    if chosen.driver:
        _core.use_cuda_driver(chosen.driver)
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Run(chosen, *model(chosen.quick, Path(folder)))
        for name, rows in parts(run, chosen.only or [name for name in PARTS if name != "limits"]):
            report[name] = rows
            print(f"\n## {name}\n\n{rows if isinstance(rows, str) else table(rows)}", flush=True)
            if chosen.json:
                chosen.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def model(quick: bool, folder: Path) -> tuple[ModelSpec, Path]:
    if quick:
        path = small_model(folder)
        return ModelSpec.for_file(path, like="u2netp", size=(64, 64), input=0, output=0), path
    spec = models.get("isnet-general-use")
    return spec, models.ensure(spec)


def parts(run: Run, names: list[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        start = time.perf_counter()
        try:
            rows: Any = PARTS[name](run)
        except Exception:  # one part's fault must not cost the others their time on the machine
            rows = traceback.format_exc()
        print(f"[{name}: {time.perf_counter() - start:.1f} s]", flush=True)
        yield name, rows


if __name__ == "__main__":
    main()
