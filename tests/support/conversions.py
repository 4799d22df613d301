"""Conversions at a small size, and a stand-in for a model with its own code."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from rmbg_fast import convert
from rmbg_fast.convert import Report

torch = pytest.importorskip("torch")


SIZE = (64, 128)  # a multiple of 64: every level of IS-Net is then half of the one above


def quiet(line: str) -> None:
    pass


def run(source: Any, target: Path, **options: Any) -> Report:
    row = {"size": SIZE, **options.pop("row", {})}
    return convert.convert(source, target, row=row, say=quiet, **options)


def outputs(path: Path, batch: int) -> Any:
    images = np.random.default_rng(batch).random((batch, 3, *SIZE), np.float32) - 0.5
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return images, session.run(None, {"input": images})


# --- Hugging Face's layout: a stand-in with its own code, of two outputs, logits, the finer one last ---

CONFIGURATION = """
from transformers import PretrainedConfig

class StandInConfig(PretrainedConfig):
    model_type = "stand_in"
"""
MODELLING = """
import torch
from torch import nn
from transformers import PreTrainedModel
from .configuration import StandInConfig

class StandIn(PreTrainedModel):
    config_class = StandInConfig

    def __init__(self, config):
        super().__init__(config)
        self.features = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.mask = nn.Conv2d(8, 1, 3, padding=1)
        self.post_init()

    def forward(self, x):
        features = torch.relu(self.norm(self.features(x)))
        coarse = nn.functional.avg_pool2d(features, 4)
        coarse = nn.functional.interpolate(coarse, size=x.shape[2:], mode="bilinear", align_corners=True)
        return [self.mask(coarse), [RESULT]]
"""
SHAPES = {
    "features.weight": (8, 3, 3, 3), "features.bias": (8,), "norm.weight": (8,), "norm.bias": (8,),
    "norm.running_mean": (8,), "norm.running_var": (8,), "mask.weight": (1, 8, 3, 3), "mask.bias": (1,),
}  # fmt: skip


def stand_in(
    folder: Path,
    result: str = "4 * self.mask(features + coarse) - 2",
    without: str = "",
    file: str = "model.safetensors",
) -> Path:
    """A folder as Hugging Face has them."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(7)
    tensors = {key: torch.rand(shape, generator=generator) - 0.5 for key, shape in SHAPES.items() if key != without}
    tensors["norm.running_var"] = torch.ones(8)
    tensors["norm.num_batches_tracked"] = torch.tensor(1)
    if file.endswith(".safetensors"):
        importlib.import_module("safetensors.torch").save_file(tensors, folder / file, metadata={"format": "pt"})
    else:
        torch.save(tensors, folder / file)
    code = {"AutoConfig": "configuration.StandInConfig", "AutoModelForImageSegmentation": "modelling.StandIn"}
    config = {"architectures": ["StandIn"], "model_type": "stand_in", "auto_map": code}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "configuration.py").write_text(CONFIGURATION)
    (folder / "modelling.py").write_text(MODELLING.replace("RESULT", result))
    return folder
