#!/usr/bin/env python3
"""Gives a model without weights (`rmbg-fast optimize --skeleton`, benches/graphs) random ones.

    python scripts/fill_skeleton.py SKELETON.onnx.xz MODEL.onnx [--seed N]

The model has the nodes, shapes and cost of the real one, and finite values; its mask shows nothing.
"""

import argparse
from pathlib import Path

import onnx

from rmbg_fast._graphs import skeleton


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skeleton", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    onnx.save(skeleton.load(options.skeleton, options.seed), options.model)


if __name__ == "__main__":
    main()
