"""Where a torch model comes from: a Hugging Face id, a folder in that layout, or a bare state dict.

IS-Net's and RMBG-1.4's weights go into our own network (isnet.py). Every other model brings its own code, which is
executed only for those who ask for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._storage import folders
from ..errors import ModelDownloadError, ModelError, RmbgError

Say = Callable[[str], None]
"""Is given the lines that tell how the work goes on."""

_TASK = "AutoModelForImageSegmentation"
_ISNET_KEYS = {"conv_in.weight", "stage1.rebnconvin.conv_s1.weight"}
_CHECKPOINTS = (".safetensors", ".pth", ".pt", ".bin")


@dataclass(frozen=True)
class TorchModel:
    """A network in evaluation mode, float32, on the CPU.

    `mask` takes the one mask (N, 1, H, W) out of what `network` returns. With `logits` it still wants the sigmoid, if
    the model is like others of its kind.
    """

    name: str
    network: Any
    mask: Callable[[Any], Any]
    logits: bool


def load(source: str, *, trust_remote_code: bool = False, say: Say = print) -> TorchModel:
    """The model that `source` names: a folder, a file that ends in .safetensors, .pth, .pt or .bin, or else an id.

    Raises ModelError, ModelDownloadError, and RmbgError where a package is missing.
    """
    _require("torch")
    path = Path(source)
    if path.is_file():
        return _isnet(path.stem, read_state(path, say), str(path))
    if path.is_dir():
        return _from_folder(path.resolve().name, path, trust_remote_code, say, str(path))
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", source) or source.endswith(_CHECKPOINTS):
        raise ModelError(
            f"{source}: there is no such file or folder, and it is no Hugging Face id like briaai/RMBG-1.4"
        )
    return _from_folder(source.split("/")[1], _download(source, say), trust_remote_code, say, source)


def _require(package: str) -> None:
    import importlib.util

    if importlib.util.find_spec(package) is None:
        raise RmbgError(f"the converter needs {package}: pip install 'rmbg-fast[convert]'")


# --- Hugging Face ---


def _download(name: str, say: Say) -> Path:
    _require("huggingface_hub")
    import huggingface_hub

    def fetch(*patterns: str) -> Path:
        return Path(
            huggingface_hub.snapshot_download(name, allow_patterns=list(patterns), local_files_only=folders.offline())
        )

    say(f"{name}: fetching from Hugging Face" if not folders.offline() else f"{name}: from Hugging Face's local cache")
    try:
        folder = fetch("config.json", "*.py", "*.safetensors", "*.safetensors.index.json")
        return folder if any(folder.glob("*.safetensors")) else fetch("config.json", "*.py", "*.bin", "*.pth")
    except Exception as exc:  # the client's own, requests', httpx's, the file system's
        raise ModelDownloadError(
            f"{name}: cannot be had from Hugging Face: {_first_line(exc)}; where its licence must be accepted first, "
            f"do so on https://huggingface.co/{name} and log in with `hf auth login`"
        ) from exc


def _from_folder(name: str, folder: Path, trusted: bool, say: Say, shown: str) -> TorchModel:
    weights = _weights_of(folder)
    if weights is not None and _keys(weights) >= _ISNET_KEYS:
        return _isnet(name, read_state(weights, say), shown)
    code = _code_of(folder)
    if code is None:
        raise ModelError(
            f"{shown}: holds no weights of IS-Net or RMBG-1.4, and no config.json whose auto_map names the code of its "
            f"own {_TASK}"
        )
    if not trusted:
        raise ModelError(
            f"{shown}: its network is Python code of its own ({code}), which would be executed with all your rights; "
            f"if you trust it, say --trust-remote-code (in Python: trust_remote_code=True)"
        )
    if weights is not None:
        say(f"{weights.name}: {megabytes(weights.stat().st_size)}")
    return TorchModel(name, _run_remote(folder, shown), last_mask, True)


def _weights_of(folder: Path) -> Path | None:
    """The one file of weights, by its usual name; None where there is none, or only one in parts."""
    named = [folder / name for name in ("model.safetensors", "pytorch_model.bin", "model.pth")]
    others = [path for suffix in _CHECKPOINTS for path in sorted(folder.glob(f"*{suffix}"))]
    return next((path for path in named if path.is_file()), others[0] if len(others) == 1 else None)


def _code_of(folder: Path) -> str | None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(config["auto_map"][_TASK])
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise ModelError(f"{folder / 'config.json'}: cannot be read: {exc}") from exc
    except (KeyError, TypeError):
        return None


def _run_remote(folder: Path, shown: str) -> Any:
    _require("transformers")
    import transformers

    try:
        network, found = getattr(transformers, _TASK).from_pretrained(
            str(folder), trust_remote_code=True, output_loading_info=True
        )
    except Exception as exc:  # whatever that code, or the loading of it, stumbles over
        raise ModelError(f"{shown}: its own code cannot be loaded: {exc}") from exc
    missing = sorted(found["missing_keys"])
    if missing:  # they would be left at random
        raise ModelError(f"{shown}: its weights lack {_some(missing)}")
    return _ready(network)


def _ready(network: Any) -> Any:
    """In evaluation mode, float32, without gradients: for them the exporter's run would keep every value, 19 GB of
    RMBG-2.0's.
    """
    return network.float().eval().requires_grad_(False)


def last_mask(output: Any) -> Any:
    """The last tensor of a nest of lists, tuples and dicts: models with several outputs give the finest one last."""
    while not hasattr(output, "shape"):
        if isinstance(output, Mapping):
            output = output["logits"] if "logits" in output else list(output.values())
        elif isinstance(output, list | tuple) and output:
            output = output[-1]
        else:
            raise ModelError(f"the model gives {type(output).__name__} where a mask was expected")
    return output


# --- state dicts ---


_MOST_WRAPPINGS = 8  # of a state dict in others: a checkpoint may hold itself


def read_state(path: Path, say: Say = print) -> dict[str, Any]:
    """The tensors of a checkpoint by name, without the wrappings of training. No code in the file is executed."""
    try:
        say(f"{path.name}: {megabytes(path.stat().st_size)}")
        if path.suffix == ".safetensors":
            _require("safetensors")
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            import torch

            state = torch.load(path, map_location="cpu", weights_only=True)
    except RmbgError:
        raise
    except Exception as exc:  # safetensors', pickle's, zip's or torch's own
        raise ModelError(f"{path}: cannot be read as a state dict of nothing but tensors: {_first_line(exc)}") from exc
    for _ in range(_MOST_WRAPPINGS):
        if not isinstance(state, Mapping) or _ISNET_KEYS & state.keys():
            break
        inner = [state[key] for key in ("state_dict", "model", "net") if isinstance(state.get(key), Mapping)]
        if not inner:
            break
        state = inner[0]
    if not isinstance(state, Mapping):
        raise ModelError(f"{path}: holds a {type(state).__name__}, no state dict")
    return {str(key).removeprefix("module."): value for key, value in state.items()}  # as DataParallel names them


def _keys(path: Path) -> set[str]:
    if path.suffix != ".safetensors":
        return set(read_state(path, lambda line: None))
    _require("safetensors")
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            return set(file.keys())
    except Exception as exc:
        raise ModelError(f"{path}: cannot be read as safetensors: {_first_line(exc)}") from exc


def _isnet(name: str, state: dict[str, Any], shown: str) -> TorchModel:
    from .isnet import ISNet

    network = ISNet()
    wanted = network.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}  # for training; not all files have them
    missing = sorted(wanted.keys() - state.keys() - counters)
    unexpected = sorted(state.keys() - wanted.keys())
    shared = wanted.keys() & state.keys()
    other = sorted(key for key in shared if getattr(state[key], "shape", None) != wanted[key].shape)
    problems = [
        f"{noun} {_some(keys)}"
        for noun, keys in (("missing:", missing), ("unexpected:", unexpected), ("of another shape:", other))
        if keys
    ]
    if problems:
        raise ModelError(
            f"{shown}: is no state dict of IS-Net or RMBG-1.4 ({'; '.join(problems)}); other networks are converted "
            f"from a Hugging Face id or folder that brings their code"
        )
    network.load_state_dict(state, strict=False)
    return TorchModel(name, _ready(network), lambda masks: masks[0], False)


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")


def _first_line(exc: Exception) -> str:
    return (str(exc).strip() or type(exc).__name__).splitlines()[0]


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
