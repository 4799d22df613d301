"""The last part of the report: a JPEG file's bytes to a PNG file's, stage by stage, ours beside rembg's.

Both run the same model in the same process with the same number of threads, in turns. Ours is `Session.remove`, whose
`timings` are the stages; it makes mask and blend in one, so `mask` is what the range and the resize of a mask take
alone, and `blend` what the cut-out takes beyond that. rembg's stages lie between the calls that `rembg.remove` makes.
rembg finds the model under the name by which it looks for it, so that it downloads nothing: float32 and with one
output, as ONNX Runtime is fastest at.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import kernel_cases
import numpy as np
from PIL import Image
from recording import installed
from tables import number, picture
from timing import Array, in_turns, timed
from u2net import U2NETP, u2net

from rmbg_fast import ModelSpec, Session, models, ops
from rmbg_fast._graphs import prepare
from rmbg_fast._images import sample
from rmbg_fast._runtime import threads

Row = dict[str, Any]
Stages = dict[str, float]
TITLE = "a whole call"
STAGES = ("decode", "preprocess", "inference", "mask", "blend", "encode")
SIZES = [(1080, 1920), (3000, 4000)]
OURS, REMBG = "rmbg-fast", "rembg"
PNG = {OURS: "the core's", REMBG: "zlib 6"}
"""rembg leaves it to Pillow, whose default it is."""


def measure(*, quick: bool) -> list[Row]:
    """A row for each picture and program: `ms` by stage, `whole`, and how far the masks of both are `apart` on average,
    in grey levels (see `compared`).
    """
    count = min(2, threads.available())
    with tempfile.TemporaryDirectory() as folder:
        spec = small_model(Path(folder)) if quick else models.get("isnet-general-use")
        session = Session(spec, device="cpu", threads=count)
        programs: dict[str, Callable[[bytes], Stages]] = {OURS: lambda jpeg: ours(session, jpeg, count)}
        rembg = Rembg(spec, count, Path(folder)) if installed("rembg") else None
        if rembg:
            programs[REMBG] = rembg.stages
        rows = []
        for size in [(240, 320)] if quick else SIZES:
            jpeg = photo(size)
            apart = compared(spec, rembg, jpeg, trained=not quick) if rembg else {}
            for who, ms in medians(programs, jpeg, 1 if quick else 5).items():
                rows.append({"picture": size, "who": who, "model": spec.name, "threads": count, **ms, "apart": apart})
    return rows


def medians(programs: dict[str, Callable[[bytes], Stages]], jpeg: bytes, rounds: int) -> dict[str, Row]:
    """The stages of the call of median length, after one that warms up."""
    taken = in_turns({who: partial(program, jpeg) for who, program in programs.items()}, rounds)
    calls = {who: sorted(calls, key=lambda ms: sum(ms.values()))[rounds // 2] for who, calls in taken.items()}
    return {who: {"ms": {stage: ms[stage] for stage in STAGES}, "whole": sum(ms.values())} for who, ms in calls.items()}


def compared(spec: ModelSpec, rembg: Rembg, jpeg: bytes, *, trained: bool) -> dict[str, float]:
    """How far rembg's mask is from ours: as the model's authors feed it, and as rembg does."""
    theirs = rembg.mask(jpeg).astype(float)
    ways = {"own": spec, "rembg": spec.with_recipe("rembg")}
    apart = {}
    for way, fed in ways.items():
        mask = Session(fed, device="cpu").mask(jpeg, on_empty="ignore")
        apart[way] = float(np.abs(mask - theirs).mean())
    assert apart["rembg"] < 0.1, f"fed as rembg does, our mask is {apart['rembg']} grey levels apart"
    assert not trained or apart["own"] < 5, f"rembg's mask is {apart['own']} grey levels apart: another subject"
    return apart


def photo(size: tuple[int, int]) -> bytes:
    """A photo of a cat at another size, with the noise of a camera, as JPEG."""
    cat = sample.photo().resize(size[::-1], Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0, 2, (*size, 3))
    file = io.BytesIO()
    Image.fromarray(np.rint(np.clip(np.asarray(cat) + noise, 0, 255)).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def small_model(folder: Path) -> ModelSpec:
    """A U2-Net with random weights, to see that it runs."""
    import onnx

    path = folder / "small" / "u2netp.onnx"
    path.parent.mkdir()
    onnx.save(u2net(U2NETP, 320), path)
    return ModelSpec.for_file(path, like="u2netp", input=0, output=0)


def ours(session: Session, jpeg: bytes, count: int) -> Stages:
    cut = session.remove(jpeg, on_empty="ignore")
    spent = session.timings
    both = spent.pop("postprocess")
    with Image.open(io.BytesIO(cut)) as image:
        size = image.height, image.width
    mask = min(both, mask_alone(session.model, size, count))
    return {**spent, "mask": mask, "blend": both - mask}


def mask_alone(spec: ModelSpec, size: tuple[int, int], count: int) -> float:
    """Milliseconds of the range and of the resize of a mask of the model's size."""
    mask = kernel_cases.subject(spec.size)
    out = np.zeros(size, np.uint8)
    stretched = size if spec.minmax == "after" else None

    def run() -> None:
        found = ops.minmax(mask, size=stretched, resample=spec.mask_resample, threads=count)
        ops.resize_mask(mask, size, range=found, resample=spec.mask_resample, out=out, threads=count)

    return float(np.median([timed(run) for _ in range(3)])) * 1e3


class Rembg:
    """rembg with a model of ours and so many threads."""

    def __init__(self, spec: ModelSpec, count: int, folder: Path) -> None:
        import onnxruntime
        import rembg

        graph = prepare.prepare(models.ensure(spec), output=spec.output)
        shutil.copy(graph, folder / f"{spec.name}.onnx")
        if graph.with_suffix(".weights").exists():  # ONNX Runtime takes them from the folder of the graph alone
            shutil.copy(graph.with_suffix(".weights"), folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count
        options.inter_op_num_threads = 1
        with patch.dict(os.environ, U2NET_HOME=str(folder)):
            self.session = rembg.new_session(spec.name, options, providers=["CPUExecutionProvider"])
        self.remove = rembg.remove

    def mask(self, jpeg: bytes) -> Array:
        with Image.open(io.BytesIO(jpeg)) as image:
            return np.asarray(self.remove(image, session=self.session, only_mask=True))

    def stages(self, jpeg: bytes) -> Stages:
        """By the clock at the beginning and the end of the steps that `rembg.remove` calls."""
        import rembg.bg

        marks: dict[str, float] = {}

        def watched(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
            def run(*arguments: Any, **options: Any) -> Any:
                marks[name] = time.perf_counter()
                result = step(*arguments, **options)
                marks[name + " done"] = time.perf_counter()
                return result

            return run

        session, network = self.session, self.session.inner_session
        with (
            patch.object(session, "predict", watched("predict", session.predict)),
            patch.object(session, "normalize", watched("normalize", session.normalize)),
            patch.object(session, "inner_session", Watched(network, watched("network", network.run))),
            patch.object(rembg.bg, "naive_cutout", watched("blend", rembg.bg.naive_cutout)),
        ):
            start = time.perf_counter()
            self.remove(jpeg, session=session)
            end = time.perf_counter()
        ends = {
            "decode": (start, marks["predict"]),
            "preprocess": (marks["normalize"], marks["normalize done"]),
            "inference": (marks["network"], marks["network done"]),
            "mask": (marks["network done"], marks["predict done"]),
            "blend": (marks["blend"], marks["blend done"]),
            "encode": (marks["blend done"], end),
        }
        return {stage: (until - since) * 1e3 for stage, (since, until) in ends.items()}


class Watched:
    """A network whose `run` is another."""

    def __init__(self, network: Any, run: Callable[..., Any]) -> None:
        self.run = run
        self.get_inputs = network.get_inputs


def tables(rows: list[Row]) -> dict[str, list[Row]]:
    return {TITLE: lines(rows)}


def lines(rows: list[Row]) -> list[Row]:
    """Those of the table: all that the plot needs, too."""
    made = []
    for row in rows:
        line = {"picture": picture(row["picture"]), "program": row["who"], **row["ms"], "whole, ms": row["whole"]}
        line["without encoding"] = row["whole"] - row["ms"]["encode"]
        made.append({**line, "PNG": PNG[row["who"]], "model": row["model"], "threads": row["threads"]})
    return made


def about(rows: list[Row]) -> str:
    first = rows[0]
    text = (
        f"A photo of a cat, JPEG bytes to RGBA PNG bytes; model {first['model']}, {first['threads']} threads, CPU; ms. "
        "Ours makes mask and blend in one: `mask` is what the mask takes alone. rembg premultiplies its cut-out; both "
        "set the colour to 0 where alpha is 0. PNG files are those of each by default."
    )
    if not any(row["who"] == REMBG for row in rows):
        return f"{text} rembg is not installed."
    for row in rows:
        if row["who"] == REMBG:
            own, same = (number(row["apart"][way]) for way in ("own", "rembg"))
            text += (
                f" At {picture(row['picture'])} rembg's mask is {own} grey levels apart from ours on average; {same} "
                "where we feed the model as rembg does."
            )
    return text
