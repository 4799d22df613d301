"""A flood of images through one session: how near to what the cores can do, and in how much memory.

    python benches/flow.py [--model NAME] [--seconds S] [--images N] [--quick] [--save MACHINE]

JPEG bytes to PNG bytes, images of 64 x 64 to 12 megapixels in turns, on u2netp, another model, or `free`, a network
that costs nearly nothing, so that everything else shows. The limit is what one thread needs an image, in CPU time of
the stages alone (decode, network, cut, encode), over the number of cores. Each way runs in a process of its own, so
that its memory is its own, and does whole rounds of the sizes, so that its mix is that of the others; the ways take
turns, and the middle of three counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import recording
from end_to_end import free_model
from PIL import Image

from rmbg_fast import Session
from rmbg_fast._images import sample
from rmbg_fast._runtime import threads
from rmbg_fast.errors import RmbgError

SIDES = [(64, 64), (480, 640), (300, 451), (1080, 1920), (512, 512), (3000, 4000), (720, 1280), (1500, 2000)]
CALLERS = (1, 2, 4, 16)
ROUNDS = 3
FREE = "free"


def make_files(sides: list[tuple[int, int]], folder: Path) -> None:
    """A photo at each size, with the noise of a camera. In the parent: it takes more memory than what is measured."""
    for number, (height, width) in enumerate(sides):
        photo = sample.photo().resize((width, height), Image.Resampling.BICUBIC)
        noise = np.random.default_rng(0).normal(0, 2, (height, width, 3))
        pixels = np.rint(np.clip(np.asarray(photo) + noise, 0, 255)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=92)


def resident() -> float:
    """Megabytes of this process at the moment."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def most_resident() -> float:
    """Megabytes at most. What getrusage says would count the process that started this one, too."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024 / 1e6


# --- one way, in a process of its own


def rounds(images: list[bytes], seconds: float) -> Iterator[bytes]:
    """All images in turns, and no more of them once so many seconds are over."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield from images


def single(session: Session, images: list[bytes], seconds: float) -> dict[str, float]:
    """CPU milliseconds an image of one caller and one thread: the sum of the stages, and nothing else."""
    for image in images:
        session.remove(image, on_empty="ignore")
    taken = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not taken:
        cpu = time.process_time()
        for image in images:
            session.remove(image, on_empty="ignore")
        taken.append((time.process_time() - cpu) / len(images) * 1e3)
    return {"cpu": statistics.median(taken)}


def flood(session: Session, images: list[bytes], seconds: float, callers: int) -> dict[str, float]:
    """Images a second of so many threads that take the next image each, and how long the slowest hundredth took."""
    for image in images:
        session.remove(image, on_empty="ignore")
    guard, source, waits = threading.Lock(), rounds(images, seconds), []
    cpu, start = time.process_time(), time.perf_counter()

    def work() -> None:
        while True:
            with guard:
                image = next(source, None)
            if image is None:
                return
            began = time.perf_counter()
            session.remove(image, on_empty="ignore")
            waits.append(time.perf_counter() - began)

    workers = [threading.Thread(target=work) for _ in range(callers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rate = len(waits) / (time.perf_counter() - start)
    return {
        "rate": rate,
        "cpu": (time.process_time() - cpu) / len(waits) * 1e3,
        "p99": float(np.quantile(waits, 0.99)) * 1e3,
        "bound": 1.3e3 * callers / rate,  # the queue's length over the rate
        "memory": most_resident(),
    }


def lanes(session: Session, images: list[bytes], seconds: float) -> dict[str, float]:
    """The same by `session.map`."""
    for image in images:
        session.remove(image, on_empty="ignore")
    start, cpu, done = time.perf_counter(), time.process_time(), 0
    for outcome in session.map(rounds(images, seconds), on_empty="ignore"):
        outcome.get()
        done += 1
    rate = done / (time.perf_counter() - start)
    return {"rate": rate, "cpu": (time.process_time() - cpu) / done * 1e3, "memory": most_resident()}


def steady(session: Session, images: list[bytes], count: int) -> dict[str, float]:
    """Memory after a tenth of so many images, at the end, and at most."""
    first = 0.0
    for outcome in session.map(islice(cycle(images), count), on_empty="ignore", ordered=False):
        outcome.get()
        if outcome.index == count // 10:
            first = resident()
    return {"first": first, "last": resident(), "memory": most_resident()}


def network(session: Session, images: list[bytes], seconds: float) -> dict[str, float]:
    """Calls of the network alone a second, one after the other: a picture of its own size, the mask as it is."""
    height, width = session.model.size
    picture = np.zeros((height, width, 3), np.uint8)
    end, taken = time.perf_counter() + seconds, []
    while time.perf_counter() < end or not taken:
        session.mask(picture, on_empty="ignore")
        taken.append(session.timings["inference"])
    return {"rate": 1e3 / statistics.median(taken)}


WAYS: dict[str, Callable[..., dict[str, float]]] = {
    "single": single,
    "flood": flood,
    "lanes": lanes,
    "steady": steady,
    "network": network,
}


def measured(way: str, model: str, folder: Path, *arguments: float, one: bool = False) -> dict[str, float]:
    """In a process of its own."""
    script = "import flow, json, sys; print(json.dumps(flow.child(*json.loads(sys.argv[1]))))"
    told = json.dumps([way, model, str(folder), list(arguments), one])
    paths = os.pathsep.join([os.path.dirname(os.path.abspath(__file__)), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script, told], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    if done.returncode:
        raise RmbgError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def child(way: str, model: str, folder: str, arguments: list[Any], one: bool) -> dict[str, float]:
    images = [path.read_bytes() for path in sorted(Path(folder).glob("*.jpg"))]
    with tempfile.TemporaryDirectory() as of_the_model:
        spec = free_model(Path(of_the_model)) if model == FREE else model
        session = Session(spec, device="cpu", threads=1 if one else None)
        return WAYS[way](session, images, *arguments)


# --- all of them


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--seconds", type=float, default=20, help="of each way and turn")
    parser.add_argument("--images", type=int, default=3000, help="of which memory is watched; 0: it is not")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_files(SIDES[:3] if args.quick else SIDES, Path(folder))
        measure(args, Path(folder))


def measure(args: argparse.Namespace, folder: Path) -> None:
    seconds, count = (0.5, 20) if args.quick else (args.seconds, args.images)
    run = recording.Run("flow" if args.model == "u2netp" else f"flow_{args.model}", quick=args.quick)
    turns = [turn(args.model, folder, seconds) for _ in range(1 if args.quick else ROUNDS)]
    alone = middle([found["one thread"] for found in turns])["cpu"]
    limit = 1e3 * threads.available() / alone
    rows = []
    least = middle([found["2 callers"] for found in turns])["memory"]
    for way in turns[0]:
        found = middle([each[way] for each in turns])
        row = {"way": way, "images a second": found.get("rate"), "CPU ms an image": found["cpu"]}
        row["CPU of one thread / CPU"] = alone / found["cpu"]
        row["share of the limit"] = found["rate"] / limit if "rate" in found else None
        most = found.get("memory")
        row |= {"most resident, MB": most, "memory / 2 callers": most and most / least}
        row |= {"p99, ms": found.get("p99"), "1.3 queue / rate": found.get("bound")}
        rows.append(row)
    run.show("A mixed flood", rows)
    alone = measured("network", args.model, folder, seconds)["rate"]
    run.show("Limits, images a second", [{"of all stages": limit, "of the network alone": alone}])
    if count:
        run.show(f"Memory over {count} images, MB", [measured("steady", args.model, folder, count)])
    run.save(args.save)


def turn(model: str, folder: Path, seconds: float) -> dict[str, dict[str, float]]:
    found = {"one thread": measured("single", model, folder, seconds, one=True)}
    for callers in CALLERS:
        found[f"{callers} callers"] = measured("flood", model, folder, seconds, callers)
    found["session.map"] = measured("lanes", model, folder, seconds)
    return found


if __name__ == "__main__":
    main()
