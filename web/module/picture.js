// From what a page has (a file, a bitmap, samples) to rows of straight RGBA samples.

import { RmbgError } from "./errors.js";

/** Pixels of the largest picture that is taken. */
export const MOST_PIXELS = 200e6;

const LARGE = 30e6; // pixels: what cannot be opened may have failed for want of memory
const AS_STORED = { imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none" };
const ASIDE = "make it smaller first, or use the Python package, which has no such limit";

/** A picture of a Blob, an ImageBitmap, or of what has {data, width, height}: `width`, `height`, `rows`, `scaled`, `close`. */
export async function openPicture(source) {
  if (source instanceof Blob) {
    const size = await sizeOf(source);
    guard(size);
    let bitmap;
    try {
      bitmap = await createImageBitmap(source, AS_STORED);
    } catch {
      if (size.width * size.height > LARGE) throw noRoom(size, "it is damaged, or ");
      throw new RmbgError("image", "this file is no picture that the browser can read");
    }
    return new BitmapPicture(bitmap, true);
  }
  if (typeof ImageBitmap !== "undefined" && source instanceof ImageBitmap) return new BitmapPicture(source, false);
  const { data, width, height } = source ?? {};
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!whole || data?.length !== 4 * width * height || data.BYTES_PER_ELEMENT !== 1) {
    throw new RmbgError("image", "a picture is a Blob, an ImageBitmap or an ImageData");
  }
  return new SamplePicture(data, width, height);
}

export function isOpaque(data) {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return false;
  return true;
}

class SamplePicture {
  constructor(data, width, height) {
    guard({ width, height });
    Object.assign(this, { data, width, height });
  }

  /** Samples of `count` rows. */
  rows(top, count) {
    return this.data.subarray(4 * this.width * top, 4 * this.width * (top + count));
  }

  /** A bitmap of this picture, its longer side at most `longest` pixels. */
  scaled(longest) {
    return shrunk(new ImageData(new Uint8ClampedArray(this.data.buffer, this.data.byteOffset, this.data.length), this.width, this.height), longest);
  }

  close() {}
}

/** Of a decoded picture only the rows that were asked for last are held as samples. */
class BitmapPicture {
  #bitmap;
  #owned;
  #context = null;
  #straight = undefined;
  #last = { top: -1, count: 0, data: null };

  constructor(bitmap, owned) {
    this.#bitmap = bitmap;
    this.#owned = owned;
    this.width = bitmap.width;
    this.height = bitmap.height;
    try {
      guard(bitmap);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  rows(top, count) {
    const last = this.#last;
    if (last.top !== top || last.count !== count) this.#last = { top, count, data: this.#read(top, count) };
    return this.#last.data;
  }

  scaled(longest) {
    return shrunk(this.#bitmap, longest);
  }

  close() {
    if (this.#owned) this.#bitmap.close();
    if (this.#context) this.#context.canvas.width = this.#context.canvas.height = 0; // its memory is given back at once
    this.#straight?.close();
    this.#last.data = this.#context = this.#straight = null;
  }

  #read(top, count) {
    const data = this.#canvasRows(top, count);
    // A 2D canvas multiplies by alpha and loses colour.
    if (isOpaque(data)) return data;
    this.#straight ??= StraightRows.of(this.#bitmap);
    return this.#straight?.rows(top, count) ?? data;
  }

  #canvasRows(top, count) {
    try {
      if (this.#context?.canvas.height !== count) {
        if (this.#context) this.#context.canvas.height = count;
        else this.#context = new OffscreenCanvas(this.width, count).getContext("2d", { willReadFrequently: true });
        this.#context.globalCompositeOperation = "copy";
      }
      this.#context.drawImage(this.#bitmap, 0, -top);
      return this.#context.getImageData(0, 0, this.width, count).data;
    } catch {
      throw noRoom(this);
    }
  }
}

/** The samples as they are stored, by WebGL. */
class StraightRows {
  #gl;
  #bitmap;
  #tile;

  /** Null where WebGL is missing. */
  static of(bitmap) {
    const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
    return gl && new StraightRows(gl, bitmap);
  }

  constructor(gl, bitmap) {
    this.#gl = gl;
    this.#bitmap = bitmap;
    this.#tile = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.pixelStorei(gl.PACK_ROW_LENGTH, bitmap.width);
  }

  /** Null where it fails. */
  rows(top, count) {
    const gl = this.#gl;
    const { width } = this.#bitmap;
    const data = new Uint8ClampedArray(4 * width * count);
    for (let row = 0; row < count; row += this.#tile) {
      for (let column = 0; column < width; column += this.#tile) {
        this.#copy(data, { column, row: top + row }, { column, row }, Math.min(this.#tile, width - column), Math.min(this.#tile, count - row));
      }
    }
    return gl.getError() === gl.NO_ERROR ? data : null;
  }

  #copy(data, from, to, width, height) {
    const gl = this.#gl;
    gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, from.column);
    gl.pixelStorei(gl.UNPACK_SKIP_ROWS, from.row);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, this.#bitmap);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D), 0);
    gl.pixelStorei(gl.PACK_SKIP_PIXELS, to.column);
    gl.pixelStorei(gl.PACK_SKIP_ROWS, to.row);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(data.buffer));
  }

  close() {
    this.#gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function shrunk(source, longest) {
  const scale = Math.min(1, longest / Math.max(source.width, source.height));
  const side = (length) => Math.max(1, Math.round(length * scale));
  return createImageBitmap(source, {
    resizeWidth: side(source.width),
    resizeHeight: side(source.height),
    resizeQuality: "medium",
    premultiplyAlpha: "none",
  });
}

function guard({ width, height }) {
  if (width * height <= MOST_PIXELS) return;
  const text = `the picture has ${width} x ${height} pixels; more than ${MOST_PIXELS / 1e6} million do not fit a page`;
  throw new RmbgError("image-too-large", `${text}: ${ASIDE}`);
}

const noRoom = ({ width, height }, or = "") =>
  new RmbgError("image-too-large", `this browser cannot open a picture of ${width} x ${height} pixels: ${or}there is too little memory; ${ASIDE}`);

/** Width and height as a file's head says, so that a huge picture is not decoded first. Zero where it is not known. */
export async function sizeOf(blob) {
  const bytes = new Uint8Array(await blob.slice(0, 1 << 18).arrayBuffer());
  const view = new DataView(bytes.buffer);
  const unknown = { width: 0, height: 0 };
  try {
    if (view.getUint32(0) === 0x89504e47) return { width: view.getUint32(16), height: view.getUint32(20) };
    if (view.getUint16(0) === 0xffd8) return jpegSize(view) ?? unknown;
  } catch {
    // shorter than its format says: the browser will say that it is no picture
  }
  return unknown;
}

function jpegSize(view) {
  for (let at = 2; at + 9 < view.byteLength; ) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    // Frames are C0..CF, but for the tables DHT, JPG and DAC.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  return null;
}
