// A model's file (python/rmbg_fast/_web/model_file.py says what it holds): fetched with progress, checked, kept.

import { RmbgError } from "./errors.js";

const MAGIC = "RMBGFAST";
const VERSION = 1;
const CACHE = "rmbg-fast-models-1";
const MOST = 2 ** 31; // bytes of a model

/**
 * The `header` of the file at `url` and the `body`, all that follows it. A copy that an earlier visit kept is taken where
 * it is whole; else `store` keeps the fetched one, where `keep` asks for it. `onProgress` hears ({loaded, total}) in bytes.
 */
export async function fetchModel(url, { keep, sha256, onProgress }) {
  const store = keep && globalThis.caches ? await caches.open(CACHE).catch(() => null) : null;
  const known = await store?.match(url);
  if (known) {
    try {
      return await read(known, sha256, onProgress);
    } catch {
      await store.delete(url); // damaged, or another version
    }
  }
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin" });
  } catch {
    throw new RmbgError("network", `the model cannot be fetched from ${url}: is there a connection?`);
  }
  if (!answer.ok) throw new RmbgError("network", `the model cannot be fetched from ${url}: the server says ${answer.status}`);
  const model = await read(answer, sha256, onProgress);
  // Where there is no room it is fetched again next time.
  return { ...model, store: () => store?.put(url, new Response(new Blob([model.head, model.body]))).catch(() => {}) };
}

async function read(answer, sha256, onProgress) {
  const stream = new Bytes(answer.body.getReader());
  const start = await stream.take(16);
  const view = new DataView(start.buffer);
  if (new TextDecoder().decode(start.subarray(0, 8)) !== MAGIC) throw new RmbgError("model", "this is no model file for the page");
  if (view.getUint32(8, true) !== VERSION) throw new RmbgError("model", "the model file is of another version of rmbg-fast");
  const headBytes = view.getUint32(12, true);
  if (headBytes > 1 << 20) throw damaged();
  const head = new Uint8Array(16 + headBytes);
  head.set(start);
  head.set(await stream.take(headBytes), 16);
  const header = parse(head.subarray(16));
  const total = sizeOf(header);
  const body = await stream.take(total, (loaded) => onProgress?.({ loaded: loaded + head.length, total: total + head.length }));
  if (await stream.more()) throw damaged();
  await check(body, header, sha256);
  return { header, head, body, store: () => {} };
}

function parse(text) {
  try {
    return JSON.parse(new TextDecoder().decode(text));
  } catch {
    throw damaged();
  }
}

function sizeOf(header) {
  const whole = (value) => Number.isSafeInteger(value) && value >= 0;
  const { plan, weights, parts, recipe, recipes } = header;
  const good =
    whole(plan) && whole(weights) && Array.isArray(parts) && parts.every(([bytes, count]) => (bytes === 2 || bytes === 4) && whole(count)) &&
    parts.reduce((sum, [, count]) => sum + count, 0) === weights && recipes?.[recipe]?.length === 18;
  const size = good ? 8 * plan + parts.reduce((sum, [bytes, count]) => sum + bytes * count, 0) : Infinity;
  if (size > MOST) throw damaged();
  return size;
}

async function check(body, header, sha256) {
  if (sha256 && header.sha256 !== sha256) throw new RmbgError("model", "the model file is another one than was asked for");
  if (!globalThis.crypto?.subtle) return; // only where the page is no secure context
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const text = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (text !== header.sha256) throw damaged();
}

const damaged = () => new RmbgError("model", "the model file is damaged: it is not what its header says");

/** Pieces of a stream, put together. */
class Bytes {
  constructor(reader) {
    this.reader = reader;
    this.rest = new Uint8Array(0);
  }

  async take(count, onProgress) {
    const taken = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.rest.length === 0 && !(await this.more())) throw damaged();
      const piece = this.rest.subarray(0, count - filled);
      taken.set(piece, filled);
      filled += piece.length;
      this.rest = this.rest.subarray(piece.length);
      onProgress?.(filled);
    }
    return taken;
  }

  async more() {
    while (this.rest.length === 0) {
      let next;
      try {
        next = await this.reader.read();
      } catch {
        throw new RmbgError("network", "the connection broke while the model was fetched");
      }
      if (next.done) return false;
      this.rest = next.value;
    }
    return true;
  }
}
