"""The network in WebAssembly, before its last step: the bits of the native tiers where the engine fuses its sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmbg_fast import models, ops
from rmbg_fast._core import network_tiers
from rmbg_fast._graphs import prepare, regions
from rmbg_fast._graphs.request import Request
from rmbg_fast._images import sample
from support import module_pages

testing = pytest.importorskip("rmbg_fast._testing", reason="published wheels are without it")

VALUES = """async ([file, width, height, samples]) => {
  const { instantiate, Model } = await import("./core.js");
  const { openPicture } = await import("./picture.js");
  const answer = await fetch("models/u2netp.rmbg");
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const headBytes = new DataView(bytes.buffer).getUint32(12, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + headBytes)));
  const compiled = await WebAssembly.compile(await (await fetch(file)).arrayBuffer());
  const memory = new WebAssembly.Memory({ initial: 64 });
  const core = await instantiate(compiled, memory);
  core._initialize?.();
  const model = new Model(core, memory);
  model.open({ header, body: bytes.subarray(16 + headBytes) }, undefined, 1, 1 << 19);
  model.mask(await openPicture({ width, height, data: await bytesOf(samples) }));
  const [rows, columns] = header.recipes[header.recipe];
  return textOf(model.bytes(core.values(), 4 * rows * columns).slice());
}"""
FUSES = """async () => {
  // (func (export "f") (param f32 f32 f32) (result f32)): f32x4.relaxed_madd of their splats, the first lane
  const text = atob("AGFzbQEAAAABCAFgA319fQF9AwIBAAcFAQFmAAAKFgEUACAA/RMgAf0TIAL9E/2FAv0fAAs=");
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  if (!WebAssembly.validate(bytes)) return false;
  const { instance } = await WebAssembly.instantiate(bytes);
  const a = 1 + 2 ** -12; // a * a needs 25 bits: rounded, its last is lost
  return instance.exports.f(a, a, -(1 + 2 ** -11)) === 2 ** -24;
}"""


@pytest.fixture(scope="module")
def cat() -> Any:
    return np.asarray(sample.photo().convert("RGB"))


@pytest.fixture(scope="module")
def wanted(cat: Any) -> Any:
    """What the native network makes of the same input."""
    from onnx import helper, numpy_helper

    spec = models.get("u2netp")
    model, _ = prepare.run(models.ensure(spec), Request(spec.output, network=True))
    assert model is not None
    (node,) = (node for node in model.graph.node if node.domain == regions.DOMAIN)
    (plan,) = (helper.get_attribute_value(attribute) for attribute in node.attribute if attribute.name == "plan")
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == regions.WEIGHTS)
    fast = [name for name, runs in network_tiers().items() if runs][-1]
    network = testing.BareNetwork(list(plan), numpy_helper.to_array(tensor), fast, 1)
    recipe = {key: getattr(spec, key) for key in ("size", "mean", "std", "resample", "rounding", "divide_by_max")}
    (values,) = network.run([ops.preprocess(cat, **recipe)])
    return values[0, 0]


@pytest.mark.parametrize("kind", ["plain", "relaxed"])
def test_values_are_those_of_the_native_network(user_page: Any, folder: Path, cat: Any, wanted: Any, kind: str) -> None:
    height, width = cat.shape[:2]
    rgba = np.dstack([cat, np.full((height, width), 255, np.uint8)])
    encoded = user_page.evaluate(VALUES, [f"core-{kind}.wasm", width, height, module_pages.text_of(rgba)])
    found = module_pages.samples_of(encoded, wanted.size, 4).view("<f4").reshape(wanted.shape)
    if kind == "relaxed" and user_page.evaluate(FUSES):
        assert np.array_equal(found, wanted)
    else:
        alphas = [1 / (1 + np.exp(-values.astype(np.float64))) for values in (found, wanted)]
        assert 255 * np.abs(alphas[0] - alphas[1]).max() < 0.05  # it is 0.02
