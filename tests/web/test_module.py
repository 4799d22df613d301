"""The ES module, used from a page of one's own; and the model files that it reads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

import rmbg_fast
from rmbg_fast._images import sample
from rmbg_fast._web import model_file
from rmbg_fast.errors import ModelError
from support.module_pages import prepare, removed


@pytest.fixture(scope="module")
def session() -> rmbg_fast.Session:
    return rmbg_fast.Session("u2netp", device="cpu")


@pytest.fixture(scope="module")
def cat() -> Any:
    return np.asarray(sample.photo().convert("RGB"))[:200, :240].copy()


@pytest.fixture
def plain_address(folder: Path) -> Iterator[str]:
    """The same folder from a server without headers: no shared memory, no threads."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.filterwarnings("ignore::rmbg_fast.session.EmptyMaskWarning")  # of the tiny one
@pytest.mark.parametrize("name", ["portrait", "landscape", "grey", "transparent", "tiny"])
def test_masks_and_colours_are_the_librarys(user_page: Any, session: rmbg_fast.Session, cat: Any, name: str) -> None:
    pictures = {
        "portrait": data.astronaut()[:256, 80:260],
        "landscape": cat,
        "grey": np.repeat(data.camera()[::3, ::3, None], 3, axis=2),
        "transparent": np.dstack([cat, np.tile(np.arange(cat.shape[1], dtype=np.uint8), (cat.shape[0], 1))]),
        "tiny": cat[100:103, 100:102],
    }
    pixels = np.ascontiguousarray(pictures[name])
    mask, result, _ = removed(user_page, pixels)
    apart = np.abs(mask.astype(int) - session.mask(pixels).astype(int))
    assert apart.max() <= 1
    assert apart.mean() < 0.02
    wanted = session.remove(pixels)
    assert np.abs(result[..., 3].astype(int) - wanted[..., 3].astype(int)).max() <= 1
    seen = (result[..., 3] > 0) & (wanted[..., 3] > 0)
    assert np.array_equal(result[seen][:, :3], wanted[seen][:, :3])


def test_options(user_page: Any, session: rmbg_fast.Session, cat: Any) -> None:
    _, hard, _ = removed(user_page, cat, threshold=128)
    assert set(np.unique(hard[..., 3])) <= {0, 255}
    _, over, _ = removed(user_page, cat, background=[10, 200, 30])
    assert (over[..., 3] == 255).all()
    wanted = session.remove(cat, background=(10, 200, 30))
    assert np.abs(over[..., :3].astype(int) - wanted.astype(int)).max() <= 1


def test_one_thread_and_two_give_the_same_bits(user_page: Any, cat: Any) -> None:
    one, _, told = removed(user_page, cat, threads=1)
    assert told["threads"] == 1
    two, _, told = removed(user_page, cat, threads=2)
    assert told["threads"] == 2
    assert np.array_equal(one, two)


def test_a_page_without_isolation_works_on_one_thread(browser: Any, plain_address: str, cat: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{plain_address}blank.html")
    prepare(page)
    assert page.evaluate("crossOriginIsolated") is False
    mask, _, told = removed(page, cat, threads=2)
    context.close()
    assert told["threads"] == 1
    assert mask.max() > 200


def test_a_cancelled_picture_leaves_the_session_usable_at_once(user_page: Any) -> None:
    milliseconds, after = user_page.evaluate("""async () => {
      const { Session } = await import("./rmbg-fast.js");
      const session = await Session.load("models/u2netp.rmbg", { threads: 2 });
      const image = new ImageData(320, 320);
      const { data } = image;
      for (let i = 0; i < data.length; ++i) data[i] = i % 4 === 3 ? 255 : (i * 37) % 251;
      const stop = new AbortController();
      let begun;
      const running = new Promise((resolve) => (begun = resolve));
      const first = session.remove(image, { signal: stop.signal, onProgress: begun });
      await running;
      const start = performance.now();
      stop.abort();
      const refused = await first.catch((error) => error.name);
      const idle = performance.now() - start;
      const second = await session.remove(image);
      session.close();
      return [idle, [refused, second.mask.data.length]];
    }""")
    assert after == ["AbortError", 320 * 320]
    assert milliseconds < 5000  # that it does not wait for the run: benches/browser.py measures


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file[:-100], "damaged"),
        (lambda file: file + b"more", "damaged"),
        (lambda file: b"RMBGFAKE" + file[8:], "no model file"),
        (lambda file: file[:8] + b"\x09" + file[9:], "another version"),
        (lambda file: file[:-1] + bytes([file[-1] ^ 1]), "damaged"),
    ],
    ids=["cut", "longer", "other", "version", "changed"],
)
def test_a_damaged_model_is_refused(
    user_page: Any, folder: Path, change: Any, said: str, request: pytest.FixtureRequest
) -> None:
    damaged = folder / "models" / f"damaged-{request.node.callspec.id}.rmbg"  # the browser keeps files
    damaged.write_bytes(change((folder / "models" / "u2netp.rmbg").read_bytes()))
    message = user_page.evaluate(
        """async (file) => {
          const { Session } = await import("./rmbg-fast.js");
          return Session.load(file, { cache: false }).catch((error) => `${error.name}: ${error.message}`);
        }""",
        f"models/{damaged.name}",
    )
    assert message.startswith("RmbgError: ")
    assert said in message


def test_the_file_says_what_it_holds(folder: Path) -> None:
    listed = json.loads((folder / "models.json").read_text("utf-8"))
    file = folder / listed[0]["file"]
    assert [entry["name"] for entry in listed] == ["u2netp"]
    assert listed[0]["bytes"] == file.stat().st_size
    assert file.read_bytes()[:8] == model_file.MAGIC


def test_a_model_that_our_network_does_not_cover_is_refused(tmp_path: Path) -> None:
    from support import tiny_models

    spec = tiny_models.tiny(tmp_path / "tiny.onnx", tiny_models.mean_of_channels())
    with pytest.raises(ModelError, match=r"cannot (run in|be made ready for) a page"):
        model_file.write(spec, tmp_path / "tiny.rmbg")
    assert not (tmp_path / "tiny.rmbg").exists()
