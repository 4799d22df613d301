"""The command beside what it is made of: folders beside the engine and beside a plain loop, videos beside the network.

    python benches/command.py [--part files|photos|frames] [--files N] [--photos N] [--frames N] [--turns N] [--quick]
                              [--save MACHINE]

All of a part in one process, in turns, the middle of them. Small files go through a network that costs nearly nothing:
CPU time an image, all threads together. Photos of 12 megapixels go through IS-Net, and frames of 1080p through u2netp:
images a second. The plain loop is `session.remove` of one file after the other, a tenth of the small ones; it also runs
with Pillow's PNG encoder at level 1, which is what a program without this one would write. Each part has its own JSON.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import recording
from end_to_end import free_model
from PIL import Image

from flow import make_files
from rmbg_fast import Session
from rmbg_fast._cli.main import main as command
from rmbg_fast._images import sample

PARTS = ("files", "photos", "frames")
SMALL, LARGE, FILM = (120, 160), (3000, 4000), (1080, 1920)
Row = dict[str, Any]
Way = tuple[int, Callable[[Path], None]]
"""How many images, and what does them into a folder."""


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("--part", choices=PARTS, help="this one alone")
    parser.add_argument("--files", type=int, default=20_000, help="small ones")
    parser.add_argument("--photos", type=int, default=12, help="of 12 megapixels")
    parser.add_argument("--frames", type=int, default=100, help="of 1080p")
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    if args.quick:
        args.files, args.photos, args.frames, args.turns = 20, 2, 4, 1
    for part in PARTS if args.part is None else [args.part]:
        run = recording.Run(f"command_{part}", quick=args.quick)
        with tempfile.TemporaryDirectory() as folder:
            run.show(*measure(part, args, Path(folder)))
        run.save(args.save)


def measure(part: str, args: argparse.Namespace, here: Path) -> tuple[str, list[Row]]:
    """A title and its rows."""
    if part == "files":
        session = Session(free_model(here), device="cpu")
        ways = folders(session, copies(here / "small", SMALL, args.files), here, looped=max(1, args.files // 10))
        return "A folder of small files", measured(ways, here, args.turns)
    if part == "photos":
        session = Session("u2netp" if args.quick else "isnet-general-use", device="cpu", warm_up=True)
        ways = folders(session, copies(here / "large", LARGE, args.photos), here, looped=args.photos)
        return "A folder of photos", measured(ways, here, args.turns)
    session = Session("u2netp", device="cpu", warm_up=True)
    return "Frames of a video, u2netp", measured(videos(session, args.frames, here), here, args.turns)


def copies(folder: Path, size: tuple[int, int], count: int) -> Path:
    """So many files of one photo."""
    folder.mkdir()
    make_files([size], folder)
    data = (folder / "0.jpg").read_bytes()
    for number in range(1, count):
        (folder / f"{number}.jpg").write_bytes(data)
    return folder


def folders(session: Session, source: Path, here: Path, *, looped: int) -> dict[str, Way]:
    """`looped`: how many the plain loops do."""
    names = sorted(source.iterdir())

    def loop(encoded: Callable[[Path], bytes]) -> Way:
        return looped, lambda target: written(((name, encoded(name)) for name in names[:looped]), target)

    def mapped(target: Path) -> None:
        outcomes = session.map(names, format="png", on_empty="ignore")
        written(((outcome.item, outcome.get()) for outcome in outcomes), target)

    def by_command(target: Path) -> None:
        with patch("rmbg_fast._cli.remove.make_session", lambda _: session):
            assert command(["remove", str(source), "-o", str(target), "--on-empty", "ignore"]) == 0

    def by_pillow(name: Path) -> bytes:
        with Image.open(name) as image:
            cut = session.remove(image, on_empty="ignore")
        file = io.BytesIO()
        cut.save(file, "PNG", compress_level=1)
        return file.getvalue()

    return {
        "a plain loop, Pillow's PNG": loop(by_pillow),
        "a plain loop": loop(lambda name: session.remove(name.read_bytes(), on_empty="ignore")),
        "session.map": (len(names), mapped),
        "rmbg-fast remove FOLDER": (len(names), by_command),
    }


def written(results: Iterable[tuple[Path, bytes]], target: Path) -> None:
    target.mkdir()
    for name, data in results:
        (target / f"{name.stem}.png").write_bytes(data)


def videos(session: Session, count: int, here: Path) -> dict[str, Way]:
    height, width = FILM
    frame = np.asarray(sample.photo().resize((width, height), Image.Resampling.BICUBIC))
    feed = np.zeros((*session.model.size, 3), np.uint8)

    def network(_: Path) -> None:
        for _ in range(count):
            session.mask(feed, on_empty="ignore")

    def frames(_: Path) -> None:
        with (
            open(os.devnull, "wb") as out,
            patch("rmbg_fast._cli.frames.make_session", lambda _: session),
            patch.object(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(frame.tobytes() * count))),
            patch.object(sys, "stdout", SimpleNamespace(buffer=out, isatty=lambda: False, flush=lambda: None)),
        ):
            assert command(["frames", str(width), str(height)]) == 0

    ways: dict[str, Way] = {"the network alone": (count, network), "rmbg-fast frames": (count, frames)}
    if recording.installed("av"):
        source = here / "film.mp4"
        film(source, frame, count)

        def video(target: Path, *options: str) -> None:
            with patch("rmbg_fast._cli.video.make_session", lambda _: session):
                assert command(["video", str(source), str(target), *options]) == 0

        ways["rmbg-fast video, H.264 over a colour"] = (
            count,
            lambda target: video(target.with_suffix(".mp4"), "--background", "green"),
        )
        ways["rmbg-fast video, ProRes 4444"] = (count, lambda target: video(target.with_suffix(".mov")))
    return ways


def film(path: Path, frame: Any, count: int) -> None:
    import av

    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.height, stream.width = frame.shape[:2]
        for _ in range(count):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode(None))


def measured(ways: dict[str, Way], here: Path, turns: int) -> list[Row]:
    """Images a second, and CPU milliseconds an image of all threads."""
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(turns):
        for way, (_, work) in ways.items():
            with tempfile.TemporaryDirectory(dir=here) as folder:
                start, cpu = time.perf_counter(), time.process_time()
                work(Path(folder, "out"))
                taken[way].append((time.perf_counter() - start, time.process_time() - cpu))
    rows: list[Row] = []
    for way, times in taken.items():
        count = ways[way][0]
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        row = {"way": way, "images a second": count / wall, "CPU ms an image": cpu / count * 1e3}
        if "session.map" in ways:
            engine = statistics.median(cpu for _, cpu in taken["session.map"]) / ways["session.map"][0]
            row["CPU / session.map"] = cpu / count / engine
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
