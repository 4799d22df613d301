"""The service under load, under too much of it, for long, and from a cold start; beside the bare engine and `rembg s`.

    python benches/serve.py [--measure load|load-u2netp|overload|soak|cold] [--requests N] [--seconds S]
                            [--rembg COMMAND] [--quick] [--save MACHINE]

Pictures are of 64 x 64 to 12 megapixels in turns, as JPEG, PNG and WebP; results are PNG. The models are u2netp and one
of the same input that is nearly free. Clients and service share the cores. The bare engine is `Session.map` in a
process of its own, with as many lanes as the session has slots; CPU times are of the engine's and the service's process
alone, without the clients'.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import http_load as http
import numpy as np
import onnx
import recording
from onnx import TensorProto, helper
from PIL import Image

import rmbg_fast
from rmbg_fast import models
from rmbg_fast._images import sample
from rmbg_fast.flow import bytes_of_pixels

SIDES = [(64, 64), (480, 640), (300, 451), (1080, 1920), (512, 512), (3000, 4000), (720, 1280), (1500, 2000)]
FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 92}),
    ("PNG", {"compress_level": 1}),
    ("WEBP", {"quality": 85, "method": 0}),
]
CLIENTS = 16
ROUNDS = 3
MEASURES = ("load", "load-u2netp", "overload", "soak", "cold")
REMBG_PORT = 7001
Row = dict[str, Any]


def pictures(sides: Sequence[tuple[int, int]]) -> list[bytes]:
    """A photo at each size in each format, with the noise of a camera."""
    made = []
    for turn in range(len(FORMATS)):
        for number, (height, width) in enumerate(sides):
            kind, options = FORMATS[(turn + number) % len(FORMATS)]
            photo = sample.photo().convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
            noise = np.random.default_rng(turn).normal(0, 2, (height, width, 3))
            file = io.BytesIO()
            pixels = np.rint(np.clip(np.asarray(photo) + noise, 0, 255)).astype(np.uint8)
            Image.fromarray(pixels).save(file, kind, **options)
            made.append(file.getvalue())
    return made


def nearly_free(folder: Path) -> Path:
    """A network that is the mean of the three channels, with the row of u2netp."""
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=1)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, n, 320, 320]) for name, n in (("x", 3), ("y", 1))
    ]
    graph = helper.make_graph([node], "free", ends[:1], ends[1:])
    path = folder / "free" / "u2netp.onnx"
    path.parent.mkdir()
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    path.with_suffix(".toml").write_text('like = "u2netp"\nactivation = "none"\n', encoding="utf-8")
    return path


# --- load


def bare(model: str, folder: Path, count: int) -> Row:
    """Images a second of the engine alone, and the digests of its results."""
    found = subprocess.run(
        [sys.executable, __file__, "--bare", model, str(folder), str(count)], check=True, capture_output=True, text=True
    )
    row: Row = json.loads(found.stdout)
    return row


def run_bare(model: str, folder: str, count: int) -> None:
    files = [path.read_bytes() for path in sorted(Path(folder).glob("*.picture"))]
    with rmbg_fast.Session(model, device="cpu", warm_up=True) as session:
        wanted = [http.digest(session.remove(file, on_empty="ignore")) for file in files]
        start, cpu = time.perf_counter(), time.process_time()
        source = (files[number % len(files)] for number in range(count))
        for outcome in session.map(source, on_empty="ignore"):
            assert http.digest(outcome.get()) == wanted[outcome.index % len(files)]
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(json.dumps({"rate": count / seconds, "cpu": 1e3 * cpu / count, "wanted": wanted}))


def load(model: str, folder: Path, files: list[bytes], count: int, rembg: str | None) -> list[Row]:
    """Bare engine and service in turns; the middle of all rounds counts. Raises SystemExit where a result is wrong."""
    pairs, replies = [], []
    for _ in range(ROUNDS):
        alone = bare(model, folder, count // ROUNDS)
        with http.serving(model, "--timeout", "600") as service:
            http.asked(service, files, len(files), CLIENTS)
            cpu = service.cpu()
            mine, seconds = http.asked(service, files, count // ROUNDS, CLIENTS)
            cpu = 1e3 * (service.cpu() - cpu) / len(mine)
        wrong = [reply for reply in mine if reply.status != 200 or reply.digest != alone["wanted"][reply.index]]
        if wrong:
            raise SystemExit(f"{len(wrong)} of {len(mine)} replies are lost or wrong, such as {wrong[0]}")
        pairs.append((len(mine) / seconds, alone["rate"], cpu, alone["cpu"]))
        replies += mine
    rate, engine, cpu, engine_cpu = sorted(pairs, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]
    rows = [
        {"who": "the bare engine", "a second": engine, "CPU ms a picture": engine_cpu},
        {
            "who": "rmbg-fast serve", "a second": rate, "CPU ms a picture": cpu, "of the engine": rate / engine,
            "p50 ms": http.quantile(replies, 0.5), "p99 ms": http.quantile(replies, 0.99),
            "requests": len(replies), "lost": 0, "wrong": 0,
        },
    ]  # fmt: skip
    if rembg:
        few = len(files)
        with http.rembg_serving(rembg, Path(model).parent, REMBG_PORT) as service:
            http.asked(service, files[:2], 2, 1)  # it loads its model
            theirs, seconds = http.asked(service, files, few, CLIENTS)
        lost = sum(reply.status != 200 for reply in theirs)
        rows.append(
            {
                "who": "rembg s", "a second": (few - lost) / seconds, "p50 ms": http.quantile(theirs, 0.5),
                "p99 ms": http.quantile(theirs, 0.99), "requests": few, "lost": lost,
                "rmbg-fast serve is faster": rate / ((few - lost) / seconds),
            }
        )  # fmt: skip
    return rows


# --- overload


def overload(model: str, picture: bytes, seconds: float) -> list[Row]:
    """Four times what it can do."""
    queue, buffered = 16, 32 << 20
    options = ("--queue", str(queue), "--max-buffered", str(buffered))
    with http.serving(model, *options) as service:
        http.asked(service, [picture], 32, 8)
        warm, took = http.asked(service, [picture], 64, 8)
        capacity = len(warm) / took
        loaded = service.most
        with Image.open(io.BytesIO(picture)) as image:
            pixels = image.width * image.height
        slots = rmbg_fast.Session(model, device="cpu").stats.slots
        bound = loaded + buffered / 1e6 + slots * bytes_of_pixels(pixels) / 1e6
        service.most = 0.0
        replies = http.offered(service, picture, 4 * capacity, seconds, 4 * (queue + slots))
        end = time.perf_counter()
        while (reply := http.Client(service).ask(0, picture)).status != 200 or reply.seconds > 2 * slots / capacity:
            if time.perf_counter() > end + 30:
                raise SystemExit("it does not come back to normal")
        normal = time.perf_counter() - end
        most = service.most
    by_status = {status: [one for one in replies if one.status == status] for status in {one.status for one in replies}}
    if by_status.keys() - {200, 429}:
        raise SystemExit(f"other answers: { {status: len(some) for status, some in by_status.items()} }")
    refused = by_status.get(429, [])
    return [
        {
            "offered a second": 4 * capacity, "it can do": capacity, "seconds": seconds,
            "results a second": len(by_status[200]) / seconds, "results": len(by_status[200]), "refused": len(refused),
            "refusal p50 ms": http.quantile(refused, 0.5), "refusal p99 ms": http.quantile(refused, 0.99),
            "refused later than 50 ms": sum(one.seconds > 0.05 for one in refused),
            "memory MB": most, "its bound MB": bound, "back to normal s": normal,
        }
    ]  # fmt: skip


# --- for long, and from the start


def soak(model: str, files: list[bytes], count: int) -> list[Row]:
    with http.serving(model, "--timeout", "600") as service:
        http.asked(service, files, count // 10, CLIENTS)
        first = service.resident()
        http.asked(service, files, count - count // 10, CLIENTS)
        last = service.resident()
    return [{"requests": count, "after a tenth MB": first, "at the end MB": last, "grown %": 100 * (last / first - 1)}]


def cold(names: Sequence[str], picture: bytes, rounds: int) -> list[Row]:
    """Seconds from the start of the process to the first answer, beside a program that loads the model and cuts out
    the same picture."""
    program = (
        "import sys, rmbg_fast; rmbg_fast.Session(sys.argv[1], device='cpu').remove(open(sys.argv[2], 'rb').read())"
    )
    rows = []
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its bytecode
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(picture)
        file.flush()
        for name in names:
            taken: dict[str, list[float]] = {"service": [], "alone": []}
            for _ in range(rounds):
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", program, name, file.name], check=True)
                taken["alone"].append(time.perf_counter() - start)
                start = time.perf_counter()
                with http.serving(name) as service:
                    if http.Client(service).ask(0, picture).status != 200:
                        raise SystemExit("the first answer is no result")
                    taken["service"].append(time.perf_counter() - start)
            service_s, alone = (sorted(taken[who])[rounds // 2] for who in ("service", "alone"))
            rows.append({"model": name, "service s": service_s, "alone s": alone, "ratio": service_s / alone})
    return rows


def main() -> None:
    if sys.argv[1:2] == ["--bare"]:
        run_bare(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    parser = recording.parser(__doc__)
    parser.add_argument("--measure", action="append", choices=MEASURES)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rembg", metavar="COMMAND", help="of an installation with rembg[cli]; default: no rival")
    args = parser.parse_args()
    wanted = args.measure or MEASURES
    sides = SIDES[:3] if args.quick else SIDES
    count, seconds = (60, 2.0) if args.quick else (args.requests, args.seconds)
    record = recording.Run("serve", quick=args.quick)
    files = pictures(sides)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, file in enumerate(files):
            (folder / f"{number:03}.picture").write_bytes(file)
        free = str(nearly_free(folder))
        real = folder / "real" / "u2netp.onnx"
        real.parent.mkdir()
        shutil.copy(models.ensure(models.get("u2netp")), real)
        real.with_suffix(".toml").write_text('like = "u2netp"\n', encoding="utf-8")
        if "load" in wanted:
            record.show("Load, nearly free network", load(free, folder, files, count, args.rembg))
        if "load-u2netp" in wanted:
            record.show("Load, u2netp", load(str(real), folder, files, count // 4, args.rembg))
        if "overload" in wanted:
            record.show(
                "Overload, u2netp, pictures of 2 megapixels", overload("u2netp", files[len(sides) // 2 - 1], seconds)
            )
        if "soak" in wanted:
            record.show("Soak, nearly free network", soak(free, files, 5 * count // 2))
        if "cold" in wanted:
            names = ["u2netp"] if args.quick else ["u2netp", "isnet-general-use"]
            record.show("Cold start", cold(names, files[0], 1 if args.quick else 5))
    record.save(args.save)


if __name__ == "__main__":
    main()
