"""Fuzzes the reader of PNG files, which parses what strangers send: damaged files give ImageError and nothing else.

    python tests/fuzz/png_reader.py [SECONDS] [CORPUS]

Atheris chooses sizes, types and chunks, so that checksums are right and the fuzzer gets behind them; now and then it
damages bytes. Where a file is read, the result has the header's size, and Pillow, if it reads the file too, agrees
on its size. Needs atheris (PyPI).
"""

from __future__ import annotations

import io
import struct
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rmbg_fast._images"]):
    from rmbg_fast._images import png, reading

import numpy as np
from PIL import Image

from rmbg_fast.errors import ImageError

_KINDS = (b"PLTE", b"tRNS", b"iCCP", b"gAMA", b"cHRM", b"cICP", b"pHYs", b"sRGB", b"tEXt", b"zTXt", b"iTXt", b"eXIf")
_TYPES = (0, 2, 3, 4, 6, 5)
_DEPTHS = (16, 8, 1, 2, 4, 3)
_MOST_SIDE = 70


def made(data: atheris.FuzzedDataProvider) -> bytes:
    """A file that is nearly a PNG."""
    width, height = data.ConsumeIntInRange(0, _MOST_SIDE), data.ConsumeIntInRange(0, _MOST_SIDE)
    kind, depth = _TYPES[data.ConsumeIntInRange(0, 5)], _DEPTHS[data.ConsumeIntInRange(0, 5)]
    if data.ConsumeIntInRange(0, 3):  # mostly a depth that the type may have
        depth = depth if depth in {0: (16, 8, 1, 2, 4), 3: (8, 1, 2, 4)}.get(kind, (16, 8)) else 8
    odd = [data.ConsumeIntInRange(0, 15) == 15 for _ in range(2)]  # of compression and filters
    interlace = data.ConsumeIntInRange(0, 9)
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, *odd, (interlace + 2) // 4))]
    if kind == 3 and data.ConsumeIntInRange(0, 7):
        parts.append(chunk(b"PLTE", data.ConsumeBytes(3 * data.ConsumeIntInRange(1, 256)) or bytes(3)))
    for _ in range(data.ConsumeIntInRange(0, 3)):
        body = data.ConsumeBytes(data.ConsumeIntInRange(0, 800))
        if data.ConsumeBool():
            body = b"name\0\0" + zlib.compress(body)
        parts.append(chunk(_KINDS[data.ConsumeIntInRange(0, len(_KINDS) - 1)], body))
    row_bytes = (width * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(kind, 1) * depth + 7) // 8
    wanted = max(0, height * (1 + row_bytes) + max(0, data.ConsumeIntInRange(-3, 3)) + 8 * height * bool(interlace > 1))
    seed = data.ConsumeBytes(64) or b"\0"
    rows = bytearray((seed * (wanted // len(seed) + 1))[:wanted])
    if data.ConsumeIntInRange(0, 7):  # filters that there are
        step = 1 if interlace > 1 else 1 + row_bytes
        rows[::step] = bytes(value % 5 for value in rows[::step])
    deflated = zlib.compress(bytes(rows), 1)
    cut = data.ConsumeIntInRange(0, len(deflated))
    parts += [chunk(b"IDAT", deflated[:cut]), chunk(b"IDAT", deflated[cut:]), chunk(b"IEND", b"")]
    file = bytearray(png.SIGNATURE + b"".join(parts))
    for _ in range(max(0, data.ConsumeIntInRange(-8, 3))):
        file[data.ConsumeIntInRange(0, len(file) - 1)] = data.ConsumeIntInRange(0, 255)
    if data.ConsumeIntInRange(0, 7) == 7:
        del file[data.ConsumeIntInRange(0, len(file) - 1) :]
    return bytes(file)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def check(raw: bytes) -> None:
    """What a file may do: be read, or be refused."""
    data = atheris.FuzzedDataProvider(raw)
    file = raw if data.ConsumeIntInRange(0, 7) == 7 else made(data)
    deep, truncated = data.ConsumeBool(), ("accept" if data.ConsumeBool() else "refuse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            source = reading.read(file, deep=deep, truncated=truncated)  # type: ignore[arg-type]
        except ImageError:
            return
        pixels = source.pixels
        assert isinstance(pixels, np.ndarray)
        assert pixels.dtype in (np.uint8, np.uint16)
        assert pixels.ndim == 2 or pixels.shape[2] in (3, 4)
        try:
            with Image.open(io.BytesIO(file)) as image:
                sizes = {image.size, image.size[::-1]}
        except Exception:  # whatever Pillow makes of it
            return
        assert pixels.shape[1::-1] in sizes


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    corpus = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    corpus.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(1)
    for number in range(32):  # something to begin with
        (corpus / f"seed{number}").write_bytes(generator.bytes(1500))
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-rss_limit_mb=4096", "-timeout=20"]
    options += [f"-artifact_prefix={corpus.parent}/png-reader-", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
