"""The page in headless Chromium: speed and memory beside onnxruntime-web on the same model; how long a visitor waits.

    python benches/browser.py [--model NAME] [--threads N ...] [--rounds N] [--photos N] [--quick]

It wants `pip install playwright`, Debian's Chromium, npm (for onnxruntime-web) and the page (scripts/build_web.py). The
rival runs the model's own ONNX file, with its graph optimizations. They take turns; times are medians, memory is what
the tab's process holds (Pss) after the runs. Photos of a visit are of 12 MP, one after another in the page.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from tables import table

from rmbg_fast import models
from rmbg_fast._images import sample
from rmbg_fast._web import server, site

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support import browsing

RIVAL = "onnxruntime-web@1.23.2"

OURS = """async ({ file, threads }) => {
  const { Session } = await import("./rmbg-fast.js");
  const session = await Session.load(file, { threads, cache: false });
  const image = new ImageData(1024, 1024);
  for (let i = 0; i < image.data.length; ++i) image.data[i] = i % 4 === 3 ? 255 : (i * 37) % 251;
  globalThis.once = async () => (await session.remove(image)).timings.network;
}"""
THEIRS = """async ({ file, threads, size, input }) => {
  const ort = await import("./rival/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  const tensor = new ort.Tensor("float32", new Float32Array(3 * size * size).fill(0.1), [1, 3, size, size]);
  const name = session.inputNames[0];
  const output = session.outputNames[0];
  globalThis.once = async () => {
    const start = performance.now();
    await session.run({ [name]: tensor }, [output]);
    return performance.now() - start;
  };
}"""
CANCEL = """async (file) => {
  const { Session } = await import("./rmbg-fast.js");
  const session = await Session.load(file);
  const image = new ImageData(512, 512);
  const times = [];
  for (let i = 0; i < 3; ++i) {
    const stop = new AbortController();
    let begun;
    const running = new Promise((resolve) => (begun = resolve));
    const call = session.remove(image, { signal: stop.signal, onProgress: begun }).catch(() => {});
    await running;
    const start = performance.now();
    stop.abort();
    await call;
    await session.encode(new ImageData(1, 1)); // the worker answers again
    times.push(performance.now() - start);
  }
  return Math.max(...times);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="isnet-general-use")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=50, help="of the visit whose memory is measured; default: 50")
    parser.add_argument("--quick", action="store_true", help="u2netp, one round, without the rival")
    options = parser.parse_args()
    if options.quick:
        options.model, options.threads, options.rounds, options.photos = "u2netp", [1], 1, 2
    spec = models.get(options.model)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        site.write(folder, [models.get("u2netp"), *([spec] if spec.name != "u2netp" else [])])
        (folder / "blank.html").write_text("<!doctype html><title>blank</title>")
        calls = {"rmbg-fast": (OURS, {"file": f"models/{spec.name}.rmbg"})}
        if not options.quick:
            fetch_rival(folder / "rival")
            shutil.copy(models.ensure(spec), folder / "model.onnx")
            calls[RIVAL] = (THEIRS, {"file": "model.onnx", "size": spec.size[0]})
        with server.serve(folder, "127.0.0.1", 0) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{running.server_address[1]}/"
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            print(f"\n## {spec.title}\n")
            print(table(speed(browser, address, calls, options.threads, options.rounds)))
            print("\n## A visit, u2netp\n")
            print(table([visit(browser, address)]))
            print(f"\n## {options.photos} photos of 12 MP, u2netp\n")
            print(table([many(browser, address, options.photos)]))
            browser.close()
            running.shutdown()
        print("\n## Transfer, gzipped\n")
        print(table([transfer(folder)]))


def fetch_rival(folder: Path) -> None:
    """What the browser needs of the package, from npm."""
    folder.mkdir()
    subprocess.run(["npm", "pack", "--silent", RIVAL], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    shutil.unpack_archive(next(folder.glob("*.tgz")), folder)
    for file in (folder / "package" / "dist").glob("ort*wasm*"):
        shutil.copy(file, folder)


def speed(
    browser: Browser, address: str, calls: dict[str, Any], threads: list[int], rounds: int
) -> list[dict[str, Any]]:
    rows = []
    for count in threads:
        pages = {}
        for name, (script, arguments) in calls.items():
            pages[name] = browser.new_context().new_page()
            pages[name].goto(f"{address}blank.html")
            pages[name].evaluate(script, {**arguments, "threads": count})
        times: dict[str, list[float]] = {name: [] for name in pages}
        for turn in range(rounds + 1):
            for name, page in pages.items():
                taken = page.evaluate("once()")
                if turn:  # the first warms up
                    times[name].append(taken)
        for name, page in pages.items():
            seconds = statistics.median(times[name]) / 1e3
            rows.append(
                {
                    "what": name,
                    "threads": count,
                    "seconds": f"{seconds:.2f}",
                    "MB": f"{browsing.renderer_memory(page):.0f}",
                }
            )
            page.context.close()
    return rows


def visit(browser: Browser, address: str) -> dict[str, Any]:
    """From an empty cache to the first PNG, the longest block of the main thread, and how soon a cancel is through."""
    page = browser.new_context().new_page()
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        sample.photo().save(photo)
        page.add_init_script(
            "globalThis.longest = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
            " longest = Math.max(longest, entry.duration); }).observe({ type: 'longtask', buffered: true });"
        )
        page.goto(address)
        page.set_input_files("#files", str(photo))
        page.wait_for_selector("#download:enabled", timeout=120_000)
        first = page.evaluate("performance.now()")
    longest = page.evaluate("longest")
    page.goto(f"{address}blank.html")
    cancel = page.evaluate(CANCEL, "models/u2netp.rmbg")
    page.context.close()
    return {"first PNG, s": f"{first / 1e3:.1f}", "longest task, ms": f"{longest:.0f}", "cancel, ms": f"{cancel:.0f}"}


def many(browser: Browser, address: str, count: int) -> dict[str, Any]:
    """What the tab's process holds as photo after photo is cut out: before the first, after it, at the end, at most."""
    page = browser.new_context().new_page()
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        sample.photo().convert("RGB").resize((4000, 3000)).save(photo, quality=90)
        page.goto(address)
        page.wait_for_function("document.getElementById('about').textContent")
        held = [browsing.renderer_memory(page)]
        page.set_input_files("#files", [str(photo)] * count)
        most = 0.0
        for number in range(1, count + 1):
            while page.locator("#list li", has_text="done").count() < number:
                most = max(most, browsing.renderer_memory(page))
                page.wait_for_timeout(50)
            if number in (1, count):
                held.append(browsing.renderer_memory(page))
    page.context.close()
    return dict(zip(["before, MB", "after the first", "at the end"], (f"{one:.0f}" for one in held), strict=False)) | {
        "at most": f"{most:.0f}"
    }


def transfer(folder: Path) -> dict[str, Any]:
    def kilobytes(*patterns: str) -> float:
        files = [file for pattern in patterns for file in folder.glob(pattern)]
        return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files) / 1e3

    return {
        "largest .wasm, kB": f"{max(kilobytes(file.name) for file in folder.glob('core-*.wasm')):.0f}",
        "page and scripts, kB": f"{kilobytes('*.html', '*.css', '*.js', '*.svg'):.0f}",
    }


if __name__ == "__main__":
    main()
