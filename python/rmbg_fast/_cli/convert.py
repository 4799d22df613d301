"""The subcommand `rmbg-fast convert`."""

from __future__ import annotations

import argparse
import re
from typing import Any

_ABOUT = (
    "Convert a torch model to an ONNX file that `rmbg-fast remove --model FILE.onnx` takes as it is. IN is a Hugging "
    "Face id (briaai/RMBG-1.4, briaai/RMBG-2.0, ZhengPeng7/BiRefNet, ...), a folder in that layout, or a .pth or "
    ".safetensors file with the weights of IS-Net or RMBG-1.4. The file is written only if ONNX Runtime gives torch's "
    "mask of a photo. Needs: pip install 'rmbg-fast[cpu,convert]'"
)


def add(commands: Any) -> None:
    """Add `convert` to the subcommands of rmbg-fast."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "convert", help="make an ONNX file of a torch model", description=_ABOUT
    )
    parser.add_argument("source", metavar="IN", help="Hugging Face id, folder, .pth or .safetensors file")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.onnx", help="replaced only when all is well")
    parser.add_argument(
        "--like", metavar="NAME", help="the model of `rmbg-fast models list` with this one's recipe and licence"
    )
    parser.add_argument("--size", type=_size, metavar="N|HxW", help="height and width; default: those of the recipe")
    parser.add_argument(
        "--set", type=_setting, action="append", default=[], metavar="KEY=VALUE",
        help="a key of the row, as in models.toml: --set license=MIT --set activation=none; may be repeated",
    )  # fmt: skip
    parser.add_argument("--opset", type=int, default=17, help="14 to 20; default: %(default)s")
    parser.add_argument("--fixed-batch", action="store_true", help="one image at a time; default: any number")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="execute the Python code that the model brings, if it does"
    )
    parser.add_argument("--photo", metavar="FILE", help="what torch and ONNX Runtime are compared on; default: a cat")
    parser.add_argument(
        "--tolerance", type=float, default=1e-3, metavar="X", help="largest difference, of 0..1; default: %(default)s"
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from ..convert import convert

    row = dict(args.set) | ({"size": args.size} if args.size else {})
    convert(
        args.source,
        args.output,
        like=args.like,
        row=row,
        opset=args.opset,
        dynamic_batch=not args.fixed_batch,
        trust_remote_code=args.trust_remote_code,
        photo=args.photo,
        tolerance=args.tolerance,
        say=lambda line: print(line, flush=True),
    )
    return 0


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"must be a number, or HEIGHTxWIDTH, not {text!r}")
    return int(match[1]), int(match[2] or match[1])


def _setting(text: str) -> tuple[str, Any]:
    import tomllib

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE, not {text!r}")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()  # text, which a shell leaves without its quotes
