"""The page in headless Chromium: speed and memory beside onnxruntime-web on the same model, masks beside the native
ones, and what a visitor waits for.

    python benches/browser.py [--model NAME] [--threads N ...] [--rounds N] [--photos N] [--quick] [--save MACHINE]

It wants `pip install playwright`, Debian's Chromium, npm (for onnxruntime-web) and the page (scripts/build_web.py). The
rival runs the model's own ONNX file, with its graph optimizations. The two have a browser each and take turns; times
are medians, `processor` is what all processes of the browser took for a run, memory what the tab's process holds (Pss).
Photos are the demo's cat, as landscape, portrait, with EXIF orientation 6, with alpha, grey, and enlarged to 12 MP.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import shutil
import statistics
import subprocess
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import chromium
import numpy as np
import recording
from PIL import Image
from playwright.sync_api import BrowserType, Page, sync_playwright

from rmbg_fast import ModelSpec, Session, models
from rmbg_fast._images import sample
from rmbg_fast._web import server, site

ONNX = "onnxruntime-web"
VERSION = "1.23.2"
SMALL = "u2netp"
Rows = list[dict[str, Any]]


def main() -> None:
    options = arguments()
    run = recording.Run("browser", quick=options.quick)
    spec = models.get(options.model)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        site.write(folder, [models.get(SMALL), *([spec] if spec.name != SMALL else [])])
        (folder / "blank.html").write_text("<!doctype html><title>blank</title>")
        photos = make_photos(folder / "photos", quick=options.quick)
        with server.serve(folder, "127.0.0.1", 0) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            bench = Bench(playwright.chromium, run, folder, f"http://127.0.0.1:{running.server_address[1]}/")
            run.show("transfer", [transfer(folder)])
            run.show("visit", [bench.visit(photos["landscape"], options.rounds)])
            run.show("memory", bench.memory(photos["landscape"]))
            run.show("many photos", [bench.many(photos["12 MP"], options.photos)])
            run.show("masks", [row for name in dict.fromkeys([SMALL, spec.name]) for row in bench.masks(name, photos)])
            run.show("speed", bench.speed(spec, options.threads, options.rounds, alone=options.quick))
            running.shutdown()
        run.save(options.save)  # while the browsers are not yet counted among the children


def arguments() -> argparse.Namespace:
    parser = recording.parser(__doc__)
    parser.add_argument("--model", default="isnet-general-use")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=50, help="of the visit whose memory is measured; default: 50")
    options = parser.parse_args()
    if options.quick:  # u2netp, without the rival
        options.model, options.threads, options.rounds, options.photos = SMALL, [1], 1, 2
    return options


def make_photos(folder: Path, *, quick: bool) -> dict[str, Path]:
    """A file of each kind."""
    folder.mkdir()
    cat = sample.photo().convert("RGB")
    soft = Image.linear_gradient("L").resize(cat.size)
    turned = Image.Exif()
    turned[0x0112] = 6
    whole = {
        "landscape": ("png", cat, {}),
        "portrait": ("png", cat.crop((100, 0, 320, 300)), {}),
        "EXIF 6": ("jpg", cat, {"exif": turned, "quality": 95}),
        "RGBA": ("png", Image.merge("RGBA", (*cat.split(), soft)), {}),
        "grey": ("png", cat.convert("L"), {}),
        "12 MP": ("jpg", cat.resize((1000, 750) if quick else (4000, 3000)), {"quality": 90}),
    }
    made = {}
    for kind, (suffix, image, options) in whole.items():
        made[kind] = folder / f"{kind.replace(' ', '-')}.{suffix}"
        image.save(made[kind], **options)
    return made


class Bench:
    def __init__(self, kind: BrowserType, run: recording.Run, folder: Path, address: str) -> None:
        self.kind, self.run, self.folder, self.address = kind, run, folder, address

    def speed(self, spec: ModelSpec, threads: list[int], rounds: int, *, alone: bool) -> Rows:
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "rmbg-fast": (chromium.PAGE, {"file": f"models/{spec.name}.rmbg"})
        }
        if not alone:
            fetch_rival(self.folder / "rival")
            shutil.copy(models.ensure(spec), self.folder / "model.onnx")
            calls[f"{ONNX} {VERSION}"] = (chromium.RIVAL, {"file": "model.onnx", "size": spec.size[0]})
        return [row for count in threads for row in self.in_turns(spec, calls, count, rounds)]

    def in_turns(self, spec: ModelSpec, calls: dict[str, Any], threads: int, rounds: int) -> Rows:
        with ExitStack() as stack:
            pages: dict[str, Page] = {}
            for name, (script, given) in calls.items():
                browser = stack.enter_context(chromium.browser(self.kind, self.run))
                pages[name] = chromium.opened(browser, f"{self.address}blank.html")
                pages[name].set_default_timeout(0)
                pages[name].evaluate(script, {**given, "threads": threads})
                pages[name].evaluate("once()")  # warms up
            wall: dict[str, list[float]] = {name: [] for name in pages}
            taken: dict[str, list[float]] = {name: [] for name in pages}
            for _ in range(rounds):
                for name, page in pages.items():
                    before = processor(page)
                    wall[name].append(page.evaluate("once()"))
                    taken[name].append(processor(page) - before)
            return [
                {
                    "model": spec.title or spec.name,
                    "what": name,
                    "threads": threads,
                    "ms": statistics.median(wall[name]),
                    "processor, ms": 1e3 * statistics.median(taken[name]),
                    "times as fast": statistics.median(wall[list(pages)[-1]]) / statistics.median(wall[name]),
                    "MB": chromium.megabytes(page),
                }
                for name, page in pages.items()
            ]

    def masks(self, name: str, photos: dict[str, Path]) -> Rows:
        """Beside those of the Python package, of the same files: alpha in levels, colours where both are seen."""
        with chromium.browser(self.kind, self.run) as browser:
            page = chromium.opened(browser, f"{self.address}blank.html")
            given = [str(path.relative_to(self.folder)) for path in photos.values()]
            made = page.evaluate(chromium.CUT_OUT, {"file": f"models/{name}.rmbg", "photos": given})
        session = Session(name, device="cpu")
        rows = []
        for (kind, path), text in zip(photos.items(), made, strict=True):
            with Image.open(io.BytesIO(base64.b64decode(text))) as image:
                found = np.asarray(image.convert("RGBA"))
            wanted = np.asarray(session.remove(path))
            apart = np.abs(found[..., 3].astype(int) - wanted[..., 3])
            seen = (found[..., 3] > 0) & (wanted[..., 3] > 0)
            same = bool(np.array_equal(found[seen][:, :3], wanted[seen][:, :3]))
            rows.append(
                {
                    "model": name,
                    "photo": f"{kind}, {found.shape[1]} x {found.shape[0]}",
                    "levels apart, at most": int(apart.max()),
                    "on average": float(apart.mean()),
                    "colours": "identical" if same else "differ",
                }
            )
        return rows

    def visit(self, photo: Path, rounds: int) -> dict[str, Any]:
        """In a browser that runs but was never here, from the page's start to the first result: the preview, which a
        visitor sees, and the PNG. The photo is chosen as soon as the page is there; what the page fetches counts, from
        this machine. Then the longest block of the main thread, and how soon a cancel is through.
        """
        previews: list[float] = []
        first: list[float] = []
        longest: list[float] = []
        cancels: list[float] = []
        for _ in range(rounds):
            with chromium.browser(self.kind, self.run) as browser:
                page = browser.new_context().new_page()
                page.add_init_script(chromium.WATCHED)
                chromium.settle(page)
                page.goto(self.address)
                page.set_input_files("#files", str(photo))
                times = page.evaluate("first")
                previews.append(times["preview"])
                first.append(times["png"])
                longest.append(page.evaluate("longest"))
                page.goto(f"{self.address}blank.html")
                cancels += page.evaluate(chromium.CANCEL, f"models/{SMALL}.rmbg")
        return {
            "first result seen, ms": statistics.median(previews),
            "first PNG, ms": statistics.median(first),
            "the slowest of": rounds,
            "slowest, ms": max(first),
            "longest task, ms": float(max(longest)),
            "cancel, ms": max(cancels),
        }

    def memory(self, photo: Path) -> Rows:
        """Of the tab's process."""
        rows: Rows = []

        def held(what: str, page: Page) -> None:
            rows.append({"what": what, "MB": chromium.megabytes(page)})

        with chromium.browser(self.kind, self.run) as browser:
            page = chromium.opened(browser, f"{self.address}blank.html")
            held("an empty tab", page)
            page.evaluate(chromium.PAGE, {"file": f"models/{SMALL}.rmbg", "threads": 2})
            held(f"the module with {SMALL} and two threads, before a picture", page)
            for _ in range(4):
                page.evaluate("once()")
            held("after four pictures of 1024 x 1024", page)
        with chromium.browser(self.kind, self.run) as browser:
            page = chromium.opened(browser, self.address)
            page.set_input_files("#files", str(photo))
            page.wait_for_selector("#download:enabled", timeout=120_000)
            held("the page after one small photo", page)
        return rows

    def many(self, photo: Path, count: int) -> dict[str, Any]:
        """As photo after photo is cut out in the page."""
        with chromium.browser(self.kind, self.run) as browser:
            page = chromium.opened(browser, self.address)
            page.wait_for_function("document.getElementById('about').textContent")
            before = chromium.megabytes(page)
            page.set_input_files("#files", [str(photo)] * count)
            held: list[float] = []
            most = 0.0
            for number in range(1, count + 1):
                while page.locator("#list li", has_text="done").count() < number:
                    most = max(most, chromium.megabytes(page))
                    page.wait_for_timeout(200)
                held.append(chromium.megabytes(page))
        return {
            "photos of 12 MP": count,
            "before, MB": before,
            "after the first": held[0],
            "after the tenth": held[min(9, count - 1)],
            "at the end": held[-1],
            "at most": most,
        }


def processor(page: Page) -> float:
    browser = page.context.browser
    assert browser is not None
    return chromium.seconds(browser)


def fetch_rival(folder: Path) -> None:
    """What the browser needs of the package, from npm."""
    folder.mkdir()
    subprocess.run(["npm", "pack", "--silent", f"{ONNX}@{VERSION}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    shutil.unpack_archive(next(folder.glob("*.tgz")), folder)
    for file in (folder / "package" / "dist").glob("ort*wasm*"):
        shutil.copy(file, folder)


def transfer(folder: Path) -> dict[str, Any]:
    def kilobytes(*patterns: str) -> float:
        files = [file for pattern in patterns for file in folder.glob(pattern)]
        return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files) / 1e3

    return {
        "the largest .wasm, kB gzipped": max(kilobytes(file.name) for file in folder.glob("core-*.wasm")),
        "page and scripts": kilobytes("*.html", "*.css", "*.js", "*.svg"),
    }


if __name__ == "__main__":
    main()
