"""From a torch model to an ONNX graph in memory: importing this module needs torch.

The exporter is the one that traces (`torch.onnx.export(dynamo=False)`, opsets 7 to 20): it writes the asked opset
itself, needs no package besides, and lets the batch alone be symbolic. The newer one needs onnxscript, writes opset 18
and has an opset below converted down. torch calls the tracing one deprecated; 2.13 still has it.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelError
from .deform import exportable
from .sources import TorchModel

if TYPE_CHECKING:
    from onnx import ModelProto

INPUT, OUTPUT = "input", "output"


class OneMask(nn.Module):
    """The network with its one mask as the only output."""

    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        self.network, self.mask = model.network, model.mask

    def forward(self, image: Tensor) -> Tensor:
        return self.mask(self.network(image))


def run(model: TorchModel, image: NDArray[Any]) -> NDArray[Any]:
    """What torch gives for (1, 3, H, W) float32: the mask (1, 1, H, W) float32. Raises ModelError for another shape."""
    with torch.inference_mode(), _quiet():
        try:
            mask = OneMask(model)(torch.from_numpy(image))
        except ModelError:
            raise
        except Exception as exc:  # the model's own code
            raise ModelError(
                f"{model.name}: torch cannot run it at {image.shape[2]} x {image.shape[3]}: {exc}"
            ) from exc
    wanted = (1, 1, *image.shape[2:])
    if tuple(mask.shape) != wanted:
        raise ModelError(f"{model.name}: gives {tuple(mask.shape)} where a mask is {wanted}")
    return mask.float().numpy()


def export(model: TorchModel, size: tuple[int, int], *, opset: int, dynamic_batch: bool) -> ModelProto:
    """The graph from `input` (N, 3, height, width) to `output` (N, 1, height, width), N symbolic or 1.

    Constants are folded, batch norms too. Raises ModelError: something in the model has no form in that opset.
    """
    import onnx

    axes = {name: {0: "batch"} for name in (INPUT, OUTPUT)} if dynamic_batch else None
    content = io.BytesIO()
    try:
        with exportable(opset), _quiet():
            torch.onnx.export(
                OneMask(model).eval(),
                (torch.zeros(1, 3, *size),),
                content,
                opset_version=opset,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes=axes,
                do_constant_folding=True,
                dynamo=False,
            )
    except Exception as exc:  # the exporter's many, and the model's own
        raise ModelError(f"{model.name}: cannot be exported with opset {opset}: {exc}") from exc
    made = onnx.load_from_string(content.getvalue())
    shape = made.graph.output[0].type.tensor_type.shape  # which the exporter leaves open where it resizes
    del shape.dim[1:]
    for length in (1, *size):
        shape.dim.add(dim_value=length)
    return made


class _quiet(warnings.catch_warnings):
    """Tracing warns of every size that becomes a constant, which is what is wanted here, and of its own age."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
