"""The ES module in a page of its user's: Python's side of it, and sessions that the tests share."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

_HELPERS = """
globalThis.sessions = {};
globalThis.shared = async (threads) => {
  const { Session } = await import("./rmbg-fast.js");
  return (sessions[threads] ??= await Session.load("models/u2netp.rmbg", { threads }));
};
globalThis.bytesOf = async (text) => new Uint8ClampedArray(await (await fetch(`data:;base64,${text}`)).arrayBuffer());
globalThis.textOf = async (bytes) => {
  const reader = new FileReader();
  await new Promise((resolve) => ((reader.onload = resolve), reader.readAsDataURL(new Blob([bytes]))));
  return reader.result.split(",")[1];
};
"""

_REMOVE = """async ({ width, height, samples, options, threads }) => {
  const session = await shared(threads);
  const image = new ImageData(await bytesOf(samples), width, height);
  const { mask, image: result, subject } = await session.remove(image, options);
  return { mask: await textOf(mask.data), result: await textOf(result.data), subject, threads: session.threads };
}"""


def prepare(page: Any) -> None:
    """Give it `shared(threads)`, a session that is kept, and `bytesOf` and `textOf`: arrays from and to base64."""
    page.evaluate(f"() => {{ {_HELPERS} }}")


def text_of(samples: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(samples).tobytes()).decode("ascii")


def samples_of(text: str, *shape: int) -> Any:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


def removed(page: Any, pixels: Any, threads: int = 2, **options: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Alpha and RGBA of the module, and all that it said."""
    height, width = pixels.shape[:2]
    opaque = np.full((height, width, 1), 255, np.uint8)
    rgba = pixels if pixels.shape[2] == 4 else np.concatenate([pixels, opaque], axis=2)
    call = {"width": width, "height": height, "samples": text_of(rgba), "options": options, "threads": threads}
    told = page.evaluate(_REMOVE, call)
    return samples_of(told["mask"], height, width), samples_of(told["result"], height, width, 4), told
