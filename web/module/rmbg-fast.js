// A session: a model that is loaded once, and removes the background of one picture after another.

import { RmbgError, unpacked } from "./errors.js";

export { RmbgError } from "./errors.js";
export { MOST_PIXELS } from "./picture.js";

const MOST_THREADS = 8;

export class Session {
  #worker = null;
  #helpers = null; // a channel
  #load;
  #about;
  #threads;
  #flag;
  #calls = new Map();
  #last = Promise.resolve();
  #next = 1;
  #closed = false;

  /** See rmbg-fast.d.ts. */
  static async load(url, { threads, recipe, cache = true, sha256, onProgress, signal } = {}) {
    const most = Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, MOST_THREADS);
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) throw new RmbgError("option", "threads must be a whole number from 1 on");
    const session = new Session();
    session.#load = { url: new URL(url, globalThis.document?.baseURI ?? location.href).href, recipe, threads: threads ?? most, keep: cache, sha256 };
    try {
      await session.#start(onProgress, signal);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  get model() {
    return this.#about;
  }

  get threads() {
    return this.#threads;
  }

  remove(source, { background, threshold, onProgress, signal } = {}) {
    checkOptions(background, threshold);
    const options = { source, file: this.#numberOf(source), background, threshold };
    return this.#asked("remove", options, { signal, onRunning: onProgress }, ({ image, mask, width, height, ...about }) => ({
      image: new ImageData(image, width, height),
      mask: { data: mask, width, height },
      ...about,
      subject: about.problem === "",
    }));
  }

  removeToPng(source, { background, threshold, previewSize = 1024, onPreview, onProgress, signal } = {}) {
    checkOptions(background, threshold);
    if (!(Number.isInteger(previewSize) && previewSize > 0)) throw new RmbgError("option", "previewSize must be a whole number from 1 on");
    const preview = onPreview ? previewSize : 0;
    const options = { source, file: this.#numberOf(source), background, threshold, preview };
    return this.#asked("removeToPng", options, { signal, onPreview, onRunning: onProgress }, (result) => ({
      ...result,
      subject: result.problem === "",
    }));
  }

  /** 0: of what may change. */
  #numberOf(source) {
    if (!(source instanceof Blob)) return 0;
    if (!this.#files.has(source)) this.#files.set(source, this.#next++);
    return this.#files.get(source);
  }
  #files = new WeakMap();

  encode({ data, width, height }, { signal } = {}) {
    return this.#asked("encode", { image: { data, width, height } }, { signal }, ({ file }) => file);
  }

  /** A call in its turn; the worker is started anew where one before ended it. */
  #asked(action, options, listeners, resultOf) {
    const { signal } = listeners;
    return this.#queued(async () => {
      if (!this.#worker) await this.#start(undefined, signal);
      return resultOf(await this.#call(action, options, listeners));
    }, signal);
  }

  close() {
    this.#closed = true;
    this.#end(new RmbgError("closed", "the session was closed"));
  }

  // --- the worker

  async #start(onLoading, signal) {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#hear(data);
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.#end(new RmbgError("browser", `the worker failed: ${event.message || "it cannot be loaded"}`));
    };
    // A helper that fails is heard here: the worker waits for it, and hears nothing.
    const channel = `rmbg-fast-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    this.#helpers = new BroadcastChannel(channel);
    this.#helpers.onmessage = ({ data }) => this.#end(unpacked(data));
    try {
      const options = { ...this.#load, channel };
      const { about, threads, flag } = await this.#call("load", options, { signal, onLoading, ends: true });
      this.#about = about;
      this.#threads = threads;
      this.#flag = flag && new Uint8Array(flag.buffer, flag.at, 1);
    } catch (error) {
      this.#end(error); // the next call starts anew
      throw error;
    }
  }

  /** One call of the worker. What cannot be cancelled in it, or with `ends` must not stay, ends the worker. */
  #call(action, options, { signal, onLoading, onRunning, onPreview, ends }) {
    if (signal?.aborted) return Promise.reject(aborted(signal));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const cancel = () => {
        if (ends || !this.#flag) this.#end(aborted(signal));
        else Atomics.store(this.#flag, 0, 1);
        const call = this.#calls.get(id); // it may still be ending
        if (call) call.onPreview = null;
        reject(aborted(signal));
      };
      const forget = () => {
        signal?.removeEventListener("abort", cancel);
        this.#calls.delete(id);
      };
      const done = new Promise((finish) => {
        this.#calls.set(id, {
          onLoading,
          onRunning,
          onPreview,
          resolve: (value) => (forget(), finish(), resolve(value)),
          reject: (error) => (forget(), finish(), reject(error)),
        });
      });
      this.#idle = done;
      signal?.addEventListener("abort", cancel);
      if (this.#flag) Atomics.store(this.#flag, 0, 0);
      this.#worker.postMessage({ id, action, options });
    });
  }
  #idle = Promise.resolve();

  #hear({ id, result, error, fatal, loading, running, preview }) {
    const call = this.#calls.get(id);
    if (preview && !call?.onPreview) return [preview.photo, preview.result].forEach((bitmap) => bitmap.close()); // cancelled
    if (loading) call?.onLoading?.(loading);
    else if (running !== undefined) call?.onRunning?.(running);
    else if (preview) call.onPreview(preview);
    else if (error) {
      call?.reject(unpacked(error));
      if (fatal) this.#end(unpacked(error)); // its memory is given back; the next call starts anew
    } else call?.resolve(result);
  }

  #end(error) {
    this.#worker?.terminate();
    this.#helpers?.close();
    this.#worker = this.#helpers = this.#flag = null;
    for (const call of [...this.#calls.values()]) call.reject(error);
  }

  /** One after another; one that was cancelled before its turn never starts. */
  #queued(run, signal) {
    const turn = this.#last.then(async () => {
      await this.#idle; // a cancelled call may still be ending
      if (this.#closed) throw new RmbgError("closed", "the session was closed");
      if (signal?.aborted) throw aborted(signal);
      return run();
    });
    this.#last = turn.catch(() => {});
    return turn;
  }
}

const aborted = (signal) => signal?.reason ?? new DOMException("the picture was cancelled", "AbortError");

function checkOptions(background, threshold) {
  const level = (value) => Number.isInteger(value) && value >= 0 && value <= 255;
  if (background !== undefined && !(Array.isArray(background) && background.length === 3 && background.every(level))) {
    throw new RmbgError("option", "background must be [red, green, blue], each from 0 to 255");
  }
  if (threshold !== undefined && !(level(threshold) && threshold > 0)) {
    throw new RmbgError("option", "threshold must be a whole number from 1 to 255");
  }
}
