"""Makes docs/pictures/gallery.jpg: photos of scikit-image above, what `Session.remove` makes of them below.

python scripts/make_gallery.py [MODEL]   needs the extras cpu and demo; the photos are public domain or CC0
"""

from __future__ import annotations

import sys
from pathlib import Path

import skimage.data
from PIL import Image, ImageOps

import rmbg_fast
from rmbg_fast._cli.demo import _checkerboard

NAMES = ("chelsea", "astronaut", "coffee", "rocket")
SIDE, GAP = 300, 8  # pixels
TARGET = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "gallery.jpg"


def main() -> None:
    session = rmbg_fast.Session(*sys.argv[1:2])
    step = SIDE + GAP
    gallery = Image.new("RGB", (step * len(NAMES) - GAP, step * 2 - GAP), "white")
    for column, name in enumerate(NAMES):
        photo = Image.fromarray(getattr(skimage.data, name)())
        cutout = ImageOps.fit(session.remove(photo, foreground="estimate"), (SIDE, SIDE), Image.Resampling.LANCZOS)
        gallery.paste(ImageOps.fit(photo, (SIDE, SIDE), Image.Resampling.LANCZOS), (column * step, 0))
        gallery.paste(_checkerboard(SIDE, SIDE), (column * step, step))
        gallery.paste(cutout, (column * step, step), cutout)
    gallery.save(TARGET, quality=88, optimize=True)
    print(f"{TARGET.stat().st_size} bytes: {TARGET}")


if __name__ == "__main__":
    main()
