"""The plots of the report, as PNG files.

    python benches/plots.py benches/results/MACHINE/whole_calls.json docs/pictures

draws the stages of whole calls anew, from what `benches/report.py --save MACHINE` stored.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import sweep
import whole_calls

Row = dict[str, Any]
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#8c6bb1", "#e377c2", "#9e9e9e"]
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
SQUARISH = 4
"""Sides up to this ratio are joined by a line; longer ones are marks of their own."""


def draw(report: dict[str, Any], folder: Path) -> list[Path]:
    """Each plot whose rows are there. Raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("agg")
    with matplotlib.rc_context(STYLE):
        drawn = []
        if "sweep" in report:
            drawn.append(sizes(report["sweep"], folder / "sizes.png"))
        if "whole calls" in report:
            drawn.append(stages(whole_calls.lines(report["whole calls"]), folder / "stages.png"))
        return drawn


def sizes(rows: list[Row], path: Path) -> Path:
    """The ratio to the floor, and the time per byte, by the size of the picture."""
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator

    figure, panels = pyplot.subplots(2, 1, figsize=(7.5, 7), sharex=True, layout="constrained")
    for colour, kernel in zip(COLOURS, dict.fromkeys(row["kernel"] for row in rows), strict=False):
        own = sorted((row for row in rows if row["kernel"] == kernel), key=megapixels)
        long = [row for row in own if max(row["picture"]) > SQUARISH * min(row["picture"])]
        line = [row for row in own if row not in long]
        for axes, value in zip(panels, (ratio, sweep.per_byte), strict=True):
            axes.plot(
                [megapixels(row) for row in line], [value(row) for row in line], "o-", color=colour, ms=4, label=kernel
            )
            axes.plot(
                [megapixels(row) for row in long], [value(row) for row in long], "D", color=colour, ms=5, mfc="none"
            )
    panels[0].axhline(1, color="grey", linewidth=0.8)
    panels[0].set(
        yscale="log",
        ylabel="times the memory floor",
        title="One thread, buffers reused; diamonds: very wide or very high pictures",
    )
    panels[1].set(xscale="log", yscale="log", xlabel="megapixels", ylabel="picoseconds per byte that has to move")
    for axes in panels:
        axes.grid(axis="y", linewidth=0.3)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
    panels[0].legend(frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path


def stages(rows: list[Row], path: Path) -> Path:
    """The stages of a whole call, stacked; `rows` are those of `whole_calls.lines`."""
    from matplotlib import pyplot

    pictures = list(dict.fromkeys(row["picture"] for row in rows))
    figure, panels = pyplot.subplots(
        len(pictures), 1, figsize=(7.5, 1.2 + 1.4 * len(pictures)), squeeze=False, layout="constrained"
    )
    for axes, size in zip(panels[:, 0], pictures, strict=True):
        own = [row for row in rows if row["picture"] == size][::-1]
        left = [0.0] * len(own)
        for colour, stage in zip(COLOURS, whole_calls.STAGES, strict=True):
            seconds = [row[stage] / 1e3 for row in own]
            axes.barh([label(row) for row in own], seconds, left=left, color=colour, label=stage, height=0.6)
            left = [a + b for a, b in zip(left, seconds, strict=True)]
        for y, end in enumerate(left):
            axes.annotate(f"{end:.2f} s", (end, y), (4, 0), textcoords="offset points", va="center")
        axes.set(title=f"JPEG to PNG, {size}", xlim=(0, 1.12 * max(left)))
    panels[-1, 0].set_xlabel(f"seconds; {rows[0]['model']}, {rows[0]['threads']} threads")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path


def label(row: Row) -> str:
    return f"{row['program']}\n({row['PNG']} PNG)"


def megapixels(row: Row) -> float:
    return float(row["picture"][0] * row["picture"][1] / 1e6)


def ratio(row: Row) -> float:
    return float(row["ms"] / row["floor"])


def main() -> None:
    import matplotlib

    matplotlib.use("agg")
    stored, folder = Path(sys.argv[1]), Path(sys.argv[2])
    rows = json.loads(stored.read_text("utf-8"))["tables"][whole_calls.TITLE]
    with matplotlib.rc_context(STYLE):
        print(stages(rows, folder / "stages.png"))


if __name__ == "__main__":
    main()
