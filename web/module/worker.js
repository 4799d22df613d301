// The session's worker: it has the module and the model, and does what the page asks, one thing after another.

import { coreFile, helperPlace, instantiate, isShared, Model, newMemory } from "./core.js";
import { packed, RmbgError } from "./errors.js";
import { fetchModel } from "./model.js";
import { readPicture } from "./picture.js";

const CACHE_BYTES = 1 << 19; // of a core's second-level cache: a page is not told
let model;
let asked = 0; // what is under way
let masked = 0; // the file that the module's mask is of

const tell = (message) => postMessage({ id: asked, ...message });

async function load({ url, recipe, threads, keep, sha256, channel }) {
  const file = new URL(coreFile(), import.meta.url);
  const onProgress = (progress) => tell({ loading: progress });
  const [compiled, fetched] = await Promise.all([compile(file), fetchModel(url, { keep, sha256, onProgress })]);
  const memory = newMemory();
  const core = await instantiate(compiled, memory, (done) => tell({ running: done }));
  core._initialize?.();
  const count = isShared() ? threads : 1;
  await Promise.all(Array.from({ length: count - 1 }, () => startHelper({ compiled, memory, place: helperPlace(core), channel })));
  model = new Model(core, memory);
  model.open(fetched, recipe, count, CACHE_BYTES);
  const { name, title, license, commercial, homepage, recipes } = fetched.header;
  const about = { name, title, license, commercial, homepage, recipes: Object.keys(recipes) };
  // With shared memory the page can cancel a run; else it ends this worker.
  return { about, threads: count, flag: isShared() ? { buffer: memory.buffer, at: model.cancelledAt() >>> 0 } : null };
}

async function compile(file) {
  let answer;
  try {
    answer = await fetch(file, { credentials: "same-origin" });
  } catch {
    throw new RmbgError("network", `the program cannot be fetched from ${file}: is there a connection?`);
  }
  if (!answer.ok) throw new RmbgError("network", `the program cannot be fetched from ${file}: the server says ${answer.status}`);
  // Not compileStreaming: it insists on a MIME type that many servers do not send.
  return WebAssembly.compile(await answer.arrayBuffer());
}

function startHelper(needs) {
  const helper = new Worker(new URL("./thread.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    helper.onmessage = resolve;
    helper.onerror = () => reject(new RmbgError("browser", "a thread cannot be started"));
    helper.postMessage(needs);
  });
}

/** `file` is the number of a file, which does not change: asked again right after, it does without the network. */
async function remove({ source, file, background, threshold }) {
  const start = performance.now();
  const picture = await readPicture(source);
  const decoded = performance.now();
  model.place(picture);
  if (!file || file !== masked) {
    masked = 0;
    if (!model.run()) throw new DOMException("the picture was cancelled", "AbortError");
    masked = file;
  }
  const ran = performance.now();
  const { image, mask, problem, coverage } = model.cut(picture, { background, threshold });
  const { width, height } = picture;
  const timings = { decode: decoded - start, network: ran - decoded, cut: performance.now() - ran };
  return { width, height, image, mask, problem, coverage, timings };
}

async function encode({ image }) {
  return { file: model.png(image) };
}

const actions = { load, remove, encode };

addEventListener("message", async ({ data: { id, action, options } }) => {
  asked = id;
  try {
    const result = await actions[action](options);
    const moved = [result.image, result.mask, result.file].filter(Boolean).map((array) => array.buffer);
    postMessage({ id, result }, moved);
  } catch (error) {
    const known = error instanceof RmbgError || error.name === "AbortError";
    const broken = !known && error instanceof WebAssembly.RuntimeError;
    const said = known ? error : new RmbgError(broken ? "memory" : "browser", broken ? "there is too little memory for this" : String(error));
    postMessage({ id, error: packed(said), fatal: said.kind === "memory" });
  }
});
