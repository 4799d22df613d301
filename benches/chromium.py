"""Chromium for the benchmark of the page: what its processes take, and the scripts that run in it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserType, Page
from recording import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support import browsing

PAGE = """async ({ file, threads }) => {
  const { Session } = await import("./rmbg-fast.js");
  const session = await Session.load(file, { threads, cache: false });
  const image = new ImageData(1024, 1024);
  for (let i = 0; i < image.data.length; ++i) image.data[i] = i % 4 === 3 ? 255 : (i * 37) % 251;
  globalThis.once = async () => (await session.remove(image)).timings.network;
}"""
"""`once` gives the milliseconds of the network."""

RIVAL = """async ({ file, threads, size }) => {
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
"""The same, of onnxruntime-web."""

CANCEL = """async (file) => {
  const { Session } = await import("./rmbg-fast.js");
  const session = await Session.load(file);
  const image = new ImageData(512, 512);
  const times = [];
  for (let i = 0; i < 5; ++i) {
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
  session.close();
  return times;
}"""
"""Milliseconds from each cancel until the worker is free."""

CUT_OUT = """async ({ file, photos }) => {
  const { Session } = await import("./rmbg-fast.js");
  const session = await Session.load(file, { cache: false });
  const text = async (blob) => {
    const reader = new FileReader();
    await new Promise((resolve) => ((reader.onload = resolve), reader.readAsDataURL(blob)));
    return reader.result.split(",")[1];
  };
  const files = [];
  for (const photo of photos) {
    const source = await (await fetch(photo)).blob();
    files.push(await text((await session.removeToPng(source)).file));
  }
  session.close();
  return files;
}"""
"""PNG files of photos, in base64."""

WATCHED = """
globalThis.longest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
}).observe({ type: "longtask", buffered: true });
globalThis.first = new Promise((resolve) => {
  addEventListener("DOMContentLoaded", () => {
    const times = {};
    const find = (id) => document.getElementById(id);
    const when = (id, attribute, name) =>
      new MutationObserver(() => {
        if (!find(id)[attribute]) times[name] ??= performance.now();
        if (times.preview && times.png) resolve(times);
      }).observe(find(id), { attributes: true });
    if (!find("result")) return;
    when("result", "hidden", "preview");
    when("download", "disabled", "png");
  });
});
"""
"""In the page, from its start: the longest block of its thread; when photo and cut-out were first seen, as a preview,
and when the PNG could be had. Milliseconds."""


@contextmanager
def browser(chromium: BrowserType, run: Run) -> Iterator[Browser]:
    made = chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"])
    try:
        yield made
    finally:
        run.credit(seconds(made))
        made.close()


def opened(browser: Browser, address: str) -> Page:
    """With an empty cache, and nothing else in its process."""
    page = browser.new_context().new_page()
    page.goto(address)
    return page


def settle(page: Page) -> None:
    """Waits until the browser is done with its own start, which takes more processor time than a page."""
    assert page.context.browser is not None
    taken = seconds(page.context.browser)
    for _ in range(40):
        page.wait_for_timeout(500)
        before, taken = taken, seconds(page.context.browser)
        if taken - before < 0.03:
            break


def seconds(browser: Browser) -> float:
    """Processor time of all its processes so far."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return float(sum(process["cpuTime"] for process in processes))


def megabytes(page: Page) -> float:
    """What the process of the browser's only page holds."""
    held: Any = browsing.renderer_memory(page)
    return float(held)
