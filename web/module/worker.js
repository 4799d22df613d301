// The session's worker: it has the module and the model, and does what the page asks, one thing after another.

import { coreFile, helperPlace, instantiate, isShared, Model, newMemory } from "./core.js";
import { packed, RmbgError } from "./errors.js";
import { fetchModel } from "./model.js";
import { openPicture } from "./picture.js";

const CACHE_BYTES = 1 << 19; // of a core's second-level cache: a page is not told
let model;
let asked = 0; // what is under way
let masked = 0; // the file that the module's mask is of

const tell = (message) => postMessage({ id: asked, ...message });

async function load({ url, recipe, threads, keep, sha256, channel }) {
  const count = isShared() ? threads : 1;
  const onProgress = (progress) => tell({ loading: progress });
  const [{ core, memory, helping }, fetched] = await Promise.all([start(count, channel), fetchModel(url, { keep, sha256, onProgress })]);
  model = new Model(core, memory);
  model.open(fetched, recipe, count, CACHE_BYTES);
  fetched.store(); // nobody waits for it
  await Promise.all(helping);
  const { name, title, license, commercial, homepage, recipes } = fetched.header;
  const about = { name, title, license, commercial, homepage, recipes: Object.keys(recipes) };
  // With shared memory the page can cancel a run; else it ends this worker.
  return { about, threads: count, flag: isShared() ? { buffer: memory.buffer, at: model.cancelledAt() >>> 0 } : null };
}

/** The module, in this worker and in its helpers. */
async function start(count, channel) {
  const helpers = Array.from({ length: count - 1 }, startHelper); // while the program is fetched
  const compiled = await compile();
  const memory = newMemory();
  const core = await instantiate(compiled, memory, (done) => tell({ running: done }));
  core._initialize?.();
  for (const { helper } of helpers) helper.postMessage({ compiled, memory, place: helperPlace(core), channel });
  return { core, memory, helping: helpers.map(({ ready }) => ready) };
}

async function compile() {
  const file = new URL(coreFile(), import.meta.url);
  let answer;
  try {
    answer = await fetch(file, { credentials: "same-origin" });
  } catch {
    throw new RmbgError("network", `the program cannot be fetched from ${file}: is there a connection?`);
  }
  if (!answer.ok) throw new RmbgError("network", `the program cannot be fetched from ${file}: the server says ${answer.status}`);
  // Compiled while it arrives, and kept compiled by the browser; many servers do not send the type that this insists on.
  if (answer.headers.get("Content-Type") === "application/wasm") return WebAssembly.compileStreaming(answer);
  return WebAssembly.compile(await answer.arrayBuffer());
}

function startHelper() {
  const helper = new Worker(new URL("./thread.js", import.meta.url), { type: "module" });
  const ready = new Promise((resolve, reject) => {
    helper.onmessage = resolve;
    helper.onerror = () => reject(new RmbgError("browser", "a thread cannot be started"));
  });
  ready.catch(() => {}); // it is waited for later
  return { helper, ready };
}

/** Runs `work` on an open picture whose mask the module has. */
async function masking({ source, file }, work) {
  const start = performance.now();
  const picture = await openPicture(source);
  try {
    const decoded = performance.now();
    // The number of a file, which does not change: asked again right after, it does without the network.
    if (!file || file !== masked) {
      masked = 0;
      unlessCancelled(model.mask(picture));
      masked = file;
    }
    const ran = performance.now();
    const { width, height } = picture;
    const made = await work(picture);
    const timings = { decode: decoded - start, network: ran - decoded, cut: performance.now() - ran };
    return { width, height, ...made, ...model.scene(), timings };
  } finally {
    picture.close();
  }
}

function unlessCancelled(finished) {
  if (!finished) throw new DOMException("the picture was cancelled", "AbortError");
}

const remove = (options) =>
  masking(options, (picture) => {
    const { width, height } = picture;
    const image = new Uint8ClampedArray(4 * width * height);
    const mask = new Uint8Array(width * height);
    const take = (top, rows) => {
      image.set(model.result(4 * width * rows), 4 * width * top);
      mask.set(model.alpha(width * rows), width * top);
    };
    unlessCancelled(model.cut(picture, options, take));
    return { image, mask };
  });

const removeToPng = (options) =>
  masking(options, async (picture) => {
    if (options.preview) await tellPreview(picture, options);
    const pieces = [];
    unlessCancelled(model.cut(picture, { ...options, png: true }, (bytes) => pieces.push(new Blob([bytes.slice()]))));
    return { file: new Blob(pieces, { type: "image/png" }) };
  });

/** The photo and its cut-out, small, before the file is written. */
async function tellPreview(picture, { preview, background, threshold }) {
  const photo = await picture.scaled(preview);
  const small = await openPicture(photo);
  const { width, height } = small;
  const data = new Uint8ClampedArray(4 * width * height);
  model.cut(small, { background, threshold }, (top, rows) => data.set(model.result(4 * width * rows), 4 * width * top));
  small.close();
  const result = await createImageBitmap(new ImageData(data, width, height));
  postMessage({ id: asked, preview: { photo, result } }, [photo, result]);
}

function encode({ image }) {
  const pieces = [];
  unlessCancelled(model.png(image, (bytes) => pieces.push(new Blob([bytes.slice()]))));
  return { file: new Blob(pieces, { type: "image/png" }) };
}

const actions = { load, remove, removeToPng, encode };

addEventListener("message", async ({ data: { id, action, options } }) => {
  asked = id;
  try {
    const result = await actions[action](options);
    const moved = [result.image, result.mask].filter(Boolean).map((array) => array.buffer);
    postMessage({ id, result }, moved);
  } catch (error) {
    const known = error instanceof RmbgError || error.name === "AbortError";
    const broken = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    const said = known ? error : new RmbgError(broken ? "memory" : "browser", broken ? "there is too little memory for this" : String(error));
    postMessage({ id, error: packed(said), fatal: said.kind === "memory" });
  }
});
