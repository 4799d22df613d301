/** Pixels of the largest picture that is taken: width x height. */
export const MOST_PIXELS: number;

/** What went wrong, in words for the user. A cancelled call is rejected with the signal's reason, an AbortError. */
export class RmbgError extends Error {
  readonly kind: "browser" | "image" | "image-too-large" | "option" | "model" | "network" | "memory" | "closed";
}

export interface LoadOptions {
  /** At least 1; default: those of the machine, at most 8. One where the page is not cross-origin isolated. */
  threads?: number;
  /** How pictures are fed to the model: one of its `recipes`; default: the model's own. */
  recipe?: string;
  /** Keep the model in the Cache API for the next visit; default: true. */
  cache?: boolean;
  /** The digest that the model's header must name. What follows the header is checked by it in any case. */
  sha256?: string;
  onProgress?: (bytes: { loaded: number; total: number }) => void;
  signal?: AbortSignal;
}

export interface RemoveOptions {
  /** Red, green, blue, 0..255: the result is opaque. Default: transparent, straight alpha. */
  background?: [number, number, number];
  /** 1..255: alpha from here on becomes 255, below it 0. Default: soft edges. */
  threshold?: number;
  /** How much of the network has run, 0..1. */
  onProgress?: (done: number) => void;
  signal?: AbortSignal;
}

export interface PngOptions extends RemoveOptions {
  /** Called before the file is written; whoever gets the bitmaps closes them. */
  onPreview?: (preview: { photo: ImageBitmap; result: ImageBitmap }) => void;
  /** Pixels of the longer side of a preview, at most; default: 1024. */
  previewSize?: number;
}

export interface About {
  width: number;
  height: number;
  /** Is there something to cut out? */
  subject: boolean;
  /** Why not; "" where there is. */
  problem: string;
  /** Mean alpha, 0..1. */
  coverage: number;
  /** Milliseconds. */
  timings: { decode: number; network: number; cut: number };
}

export interface Result extends Omit<About, "width" | "height"> {
  /** The picture's size; RGBA, straight alpha. */
  image: ImageData;
  /** The alpha alone: width x height values of 0..255, row by row. */
  mask: { data: Uint8Array; width: number; height: number };
}

export interface PngResult extends About {
  /** A PNG file of the picture's size, straight alpha; without alpha over a background. */
  file: Blob;
}

export interface ModelInfo {
  name: string;
  title: string;
  license: string;
  commercial: boolean;
  homepage: string;
  recipes: string[];
}

/** A model in a worker of its own, with its threads. Nothing leaves the machine. */
export class Session {
  /** Fetches the model, or takes the copy of an earlier visit, and starts the worker. */
  static load(url: string | URL, options?: LoadOptions): Promise<Session>;
  readonly model: ModelInfo;
  readonly threads: number;
  /**
   * Calls take their turn. A file's orientation (EXIF) is applied. The same Blob once more, right after, with other
   * options does without the network.
   */
  remove(source: Blob | ImageBitmap | ImageData, options?: RemoveOptions): Promise<Result>;
  /** The same as a PNG file, for far less memory: the picture is worked on in strips. */
  removeToPng(source: Blob | ImageBitmap | ImageData, options?: PngOptions): Promise<PngResult>;
  /** The picture as a PNG file. A canvas would lose colour where alpha is low. */
  encode(image: ImageData, options?: { signal?: AbortSignal }): Promise<Blob>;
  /** Ends the worker and gives its memory back. */
  close(): void;
}
