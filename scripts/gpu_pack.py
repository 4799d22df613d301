"""Everything that scripts/gpu_check.sh needs on a machine without a network, in parts that a small transfer takes.

    python scripts/gpu_pack.py [FOLDER] [--part-mib 49] [--arch 90]

FOLDER (build/gpu by default, which git ignores) gets parts-1, parts-2, ...: each a folder to carry in one transfer.
`gpu_check.sh take` joins them on the other side. In them, compressed with xz:

- the Python package onnxruntime-gpu as its wheel holds it, less what no session needs. Of its CUDA library the machine
  code of other GPUs than `--arch` is blanked: three quarters of 218 MB that xz cannot shrink. The loader picks an
  entry by the number in its header, so the blank ones are never read on such a GPU;
- IS-Net in float16, from the place that rmbg_fast itself fetches it from;
- the wheels that the build there needs (scikit-build-core), and rembg's, to compare with.

pip must be able to fetch onnxruntime-gpu; rmbg_fast must be importable.
"""

from __future__ import annotations

import argparse
import io
import lzma
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

PYTHON = "3.12"
RUNTIME = "onnxruntime-gpu==1.31.1"  # of the package index: built for CUDA 13
MODEL = "isnet-general-use"
WHEELS = (
    "scikit-build-core",
    "hatch-fancy-pypi-readme",
    "rembg",
    "pooch",
    "pymatting",
    "platformdirs",
    "jsonschema",
    "referencing",
    "rpds-py",
)
WHEELS += ("jsonschema-specifications", "attrs", "pathspec", "packaging")
TAGS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
KEPT = re.compile(
    r"onnxruntime/(__init__\.py|capi/.*\.(py|so|so\..*)|backend/.*\.py)$|.*\.dist-info/(METADATA|RECORD|WHEEL)$"
)
LEFT_OUT = re.compile(r"tensorrt")

CONTAINER_MAGIC = 0xBA55ED50  # a fat binary: u32 magic, u16 version, u16 header bytes, u64 bytes that follow
MACHINE_CODE = 2  # the kind of an entry: u16 kind, u16 version, u32 header bytes, u64 bytes, ..., u32 arch at byte 28


def thinned(library: bytes, arch: int) -> bytes:
    """`library` with the machine code of all architectures but `arch` set to zero, size and headers untouched."""
    content = bytearray(library)
    blanked = kept = 0
    at = content.find(struct.pack("<I", CONTAINER_MAGIC))
    while at >= 0:
        _, version, header, size = struct.unpack_from("<IHHQ", content, at)
        end = at + header + size
        if version != 1 or header != 16 or end > len(content):  # the same four bytes, by chance
            at = content.find(struct.pack("<I", CONTAINER_MAGIC), at + 4)
            continue
        entry = at + header
        while entry < end:
            kind, _, entry_header, entry_size = struct.unpack_from("<HHIQ", content, entry)
            (of_arch,) = struct.unpack_from("<I", content, entry + 28)
            first = entry + entry_header
            if kind == MACHINE_CODE and of_arch != arch:
                content[first : first + entry_size] = bytes(entry_size)
                blanked += entry_size
            else:
                kept += entry_size
            entry = first + entry_size
        at = content.find(struct.pack("<I", CONTAINER_MAGIC), end)
    print(f"machine code: {kept / 1e6:.1f} MB of sm_{arch} kept, {blanked / 1e6:.1f} MB of others blanked")
    if not kept:
        sys.exit(f"the library has no machine code for sm_{arch}")
    return bytes(content)


def download(folder: Path, *names: str) -> list[Path]:
    """The wheels of these packages for the Python there, fetched by pip once."""
    if not list(folder.glob("*.whl")):
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
        command += ["--python-version", PYTHON, "--implementation", "cp", *names]
        for tag in TAGS:
            command += ["--platform", tag]
        subprocess.run(command, check=True)
    return sorted(folder.glob("*.whl"))


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as target:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if ".so" in name else 0o644
            target.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def runtime_archive(wheel: Path, arch: int) -> bytes:
    files = {}
    with zipfile.ZipFile(wheel) as source:
        for name in sorted(source.namelist()):
            if KEPT.match(name) and not LEFT_OUT.search(name):
                content = source.read(name)
                files[name] = thinned(content, arch) if name.endswith("providers_cuda.so") else content
    return archive(files)


def compressed(content: bytes, preset: int) -> bytes:
    """xz in blocks, by its own program: all cores here and there."""
    if shutil.which("xz"):
        command = ["xz", "-T0", f"-{preset}", "--block-size=16MiB", "-c"]
        return subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True).stdout
    return lzma.compress(content, preset=preset)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/gpu"))
    parser.add_argument(
        "--part-mib", type=int, default=49, help="the most that one part may hold: a transfer takes the source tree too"
    )
    parser.add_argument("--arch", type=int, default=90, help="of the GPU there: 90 for H100 and H200")
    options = parser.parse_args()
    from rmbg_fast import models

    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    model = models.ensure(models.get(MODEL))
    [runtime] = download(folder / "runtime", RUNTIME)
    wheels = {f"wheels/{path.name}": path.read_bytes() for path in download(folder / "wheels", *WHEELS)}
    files = {  # the wheels first: with them the build can start
        "wheels.tar.xz": compressed(archive(wheels), 1),
        "runtime.tar.xz": compressed(runtime_archive(runtime, options.arch), 6),
        f"{model.name}.xz": compressed(model.read_bytes(), 1),  # float16 noise: more effort gains nothing
    }
    pieces = []
    room = size = options.part_mib << 20
    for name, content in files.items():
        at = index = 0
        while at < len(content):  # fill each part to the brim
            take = content[at : at + room]
            pieces.append((name, index, take))
            at, index, room = at + len(take), index + 1, (room - len(take)) or size
    for old in folder.glob("parts-*"):
        shutil.rmtree(old)
    part, used = 1, 0
    for name, index, take in pieces:
        if used + len(take) > size:
            part, used = part + 1, 0
        target = folder / f"parts-{part}"
        target.mkdir(exist_ok=True)
        (target / f"{name}.{index:02d}").write_bytes(take)
        used += len(take)
        print(f"{target.name}: {name}.{index:02d} {len(take) / 2**20:.1f} MiB")
    (folder / f"parts-{part}" / "count").write_text(f"{part}\n")


if __name__ == "__main__":
    main()
