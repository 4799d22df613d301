"""What quantized graphs are made of, and what they give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnx import ModelProto

from rmbg_fast import ModelSpec
from rmbg_fast._quantize import calibration

Made = tuple[ModelSpec, ModelProto, calibration.Ranges]


def ran(model: ModelProto, image: Any, outputs: list[str]) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(outputs, {"x": image}))


def makers(model: ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def is_8_bit(model: ModelProto, name: str) -> bool:
    """Does the convolution read a dequantized image and dequantized weights?"""
    node = next(node for node in model.graph.node if node.name == name)
    kinds = [makers(model)[read].op_type if read in makers(model) else "" for read in node.input[:2]]
    return kinds == ["DequantizeLinear"] * 2


def kernels(model: ModelProto, folder: Path) -> list[str]:
    """What ONNX Runtime makes of the model."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node]
