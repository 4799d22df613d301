"""What a type checker shall make of calls; read by test_types.py, never run. A line marked `# refused` is an error."""

from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import rmbg_fast
from rmbg_fast import Result, Session

array: NDArray[np.uint8] = np.zeros((2, 2, 3), np.uint8)
picture = Image.new("RGB", (2, 2))
session = Session("u2netp", device="cpu", threads=2)

assert_type(session.remove("cat.jpg"), Image.Image)
assert_type(session.remove(Path("cat.jpg"), background="white"), Image.Image)
assert_type(session.remove(picture, threshold=128, on_empty="raise"), Image.Image)
assert_type(session.remove(b"..."), bytes)
assert_type(session.predict(b"...").cutout, bytes)
assert_type(session.predict(picture), Result[Image.Image])
assert_type(session.predict("cat.jpg").scene.coverage, float)
assert_type(rmbg_fast.remove("cat.jpg", model="u2netp", device="cpu"), Image.Image)
assert_type(rmbg_fast.remove(b"...", recipe="rembg"), bytes)
result: NDArray[np.uint8] = session.remove(array)
result = rmbg_fast.remove(array, foreground="estimate")
out: NDArray[np.uint8] = np.empty((2, 2, 4), np.uint8)
assert_type(session.remove(array, out=out), NDArray[np.uint8])

session.remove(picture, backgrund="white")  # refused
session.remove(picture, alpha="curved")  # refused
session.remove(picture, threshold="high")  # refused
session.remove(picture, out=out)  # refused
session.remove(3)  # refused
rmbg_fast.remove(picture, thread=2)  # refused
Session("u2netp", dev="cpu")  # refused
wrong: bytes = session.remove(picture)  # refused
