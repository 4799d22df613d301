// The module of WebAssembly (cpp/web), and how it is called.

import { RmbgError } from "./errors.js";
import { isOpaque } from "./picture.js";

// (v128) -> f32x4.relaxed_madd, and the same without it: is there a SIMD of either kind?
const TYPE = [1, 4, 1, 96, 0, 0, 3, 2, 1, 0];
const ZERO = [65, 0, 253, 15];
const module = (body) => new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, ...TYPE, 10, body.length + 4, 1, body.length + 2, 0, ...body, 11]);
const hasSimd = () => WebAssembly.validate(module([...ZERO, 26]));
const hasRelaxed = () => WebAssembly.validate(module([...ZERO, ...ZERO, ...ZERO, 253, 133, 2, 26]));

const FIRST = 64; // pages
const LIMIT = 65535; // pages: 4 GB but for one, as the module is linked
const STACK = 1 << 18; // bytes, of a helper
const ENOSYS = 52;

export const isShared = () => globalThis.crossOriginIsolated === true;

/** The file that this browser runs fastest. */
export function coreFile() {
  if (!hasSimd()) throw new RmbgError("browser", "this browser is too old: it has no WebAssembly SIMD");
  return `core-${hasRelaxed() ? "relaxed" : "plain"}${isShared() ? "-threads" : ""}.wasm`;
}

export const newMemory = () => new WebAssembly.Memory({ initial: FIRST, maximum: LIMIT, shared: isShared() });

/** An instance over `memory`. What the module reports goes to `onProgress`. */
export async function instantiate(compiled, memory, onProgress = () => {}) {
  const fail = (kind, at, bytes) => {
    // A shared buffer cannot be decoded: its bytes are copied.
    const text = new TextDecoder().decode(new Uint8Array(memory.buffer).slice(at, at + bytes));
    throw kind < 0 ? new RmbgError("memory", "there is too little memory for this picture") : new RmbgError("model", text);
  };
  // Of the system interface the C library asks for the environment, which is empty; the rest is only linked.
  const none = (countAt, bytesAt) => {
    new DataView(memory.buffer).setUint32(countAt, 0, true);
    new DataView(memory.buffer).setUint32(bytesAt, 0, true);
    return 0;
  };
  const known = { environ_sizes_get: none, environ_get: () => 0 };
  const wasi = new Proxy(known, { get: (system, name) => system[name] ?? (() => ENOSYS) });
  const imports = { env: { memory }, host: { fail, progress: onProgress }, wasi_snapshot_preview1: wasi };
  const { exports } = await WebAssembly.instantiate(compiled, imports);
  return exports;
}

/** Memory that a helper's instance needs for itself: its stack, and what is of each thread. */
export function helperPlace(core) {
  const size = core.__tls_size?.value ?? 0;
  const tls = core.allocate(Math.max(size, 64));
  const stack = core.allocate(STACK);
  return { tls, stack: stack + STACK };
}

export function helpForever(core, { tls, stack }) {
  core.__stack_pointer.value = stack;
  core.__wasm_init_tls?.(tls);
  core.help();
}

/** A model in the module. Numbers are addresses; every buffer is looked up anew, for memory grows. */
export class Model {
  constructor(core, memory) {
    this.core = core;
    this.memory = memory;
  }

  open({ header, body }, recipe, threads, cache) {
    const numbers = header.recipes[recipe ?? header.recipe];
    if (!numbers) throw new RmbgError("option", `recipe must be one of ${Object.keys(header.recipes).join(", ")}, not ${recipe}`);
    const room = (bytes) => this.core.allocate(bytes) >>> 0;
    const recipeAt = room(8 * numbers.length);
    const planAt = room(8 * header.plan);
    const weightsAt = room(4 * header.weights);
    new Float64Array(this.memory.buffer, recipeAt, numbers.length).set(numbers);
    this.bytes(planAt, 8 * header.plan).set(body.subarray(0, 8 * header.plan));
    let from = 8 * header.plan;
    let to = weightsAt;
    for (const [bytes, count] of header.parts) {
      const at = to + 4 * count - bytes * count; // float16 at the end of their place
      this.bytes(at, bytes * count).set(body.subarray(from, from + bytes * count));
      if (bytes === 2) this.core.widen(to, count);
      from += bytes * count;
      to += 4 * count;
    }
    this.guarded(() => this.core.open(recipeAt, planAt, header.plan, weightsAt, header.weights, threads, cache));
    this.core.release(recipeAt);
    this.core.release(planAt);
  }

  cancelledAt() {
    return this.core.cancelled();
  }

  /** The network, on a picture (picture.js). False: it was cancelled. */
  mask(picture) {
    const { width, height } = picture;
    return this.guarded(() => {
      for (this.core.begin(width, height); this.core.wanted_rows() > 0; this.core.feed()) {
        if (this.stopped) return false;
        this.place(picture, this.core.wanted_top(), this.core.wanted_rows());
      }
      return this.core.run() !== 0;
    });
  }

  /**
   * The picture with the last mask, by strips: calls `take(top, rows)` for each, when `result` and `alpha` have it. With
   * `png` a background is left without alpha, and `take` is given the next bytes of the file. False: it was cancelled.
   */
  cut(picture, { background, threshold, png }, take) {
    const { width, height } = picture;
    return this.guarded(() => {
      const over = background ? background[0] | (background[1] << 8) | (background[2] << 16) : 0;
      let rows = this.core.cut(width, height, background ? 2 : 0, threshold ?? 0, over);
      const channels = png && background ? 3 : 4;
      if (png) rows = this.core.png(width, height, channels, channels);
      return this.strips(height, rows, (top, count) => {
        this.place(picture, top, count);
        this.core.cut_rows(top, count, channels);
        if (png) take(this.filePiece(count));
        else take(top, count);
      });
    });
  }

  /** The PNG file of straight RGBA samples, in pieces; without alpha where all are opaque. False: it was cancelled. */
  png({ data, width, height }, take) {
    return this.guarded(() => {
      const rows = this.core.png(width, height, 4, isOpaque(data) ? 3 : 4);
      return this.strips(height, rows, (top, count) => {
        const strip = data.subarray(4 * width * top, 4 * width * (top + count));
        this.bytes(this.core.to_write(count), strip.length).set(strip);
        take(this.filePiece(count));
      });
    });
  }

  filePiece(rows) {
    const size = this.core.png_rows(rows);
    return this.bytes(this.core.file(), size);
  }

  result(count) {
    return this.bytes(this.core.result(), count);
  }

  alpha(count) {
    return this.bytes(this.core.alpha(), count);
  }

  /** What the last mask shows. */
  scene() {
    const text = this.bytes(this.core.problem(), this.core.problem_bytes()).slice();
    return { problem: new TextDecoder().decode(text), coverage: this.core.coverage() };
  }

  strips(height, rows, work) {
    for (let top = 0; top < height && !this.stopped; top += rows) work(top, Math.min(rows, height - top));
    return !this.stopped;
  }

  place(picture, top, rows) {
    const strip = picture.rows(top, rows);
    this.bytes(this.core.strip(picture.width, rows), strip.length).set(strip);
  }

  get stopped() {
    return this.bytes(this.core.cancelled(), 1)[0] !== 0;
  }

  bytes(at, count) {
    return new Uint8Array(this.memory.buffer, at >>> 0, count);
  }

  /** An error leaves the module's stack where it was. */
  guarded(call) {
    const stack = this.core.__stack_pointer.value;
    try {
      return call();
    } finally {
      this.core.__stack_pointer.value = stack;
    }
  }
}
