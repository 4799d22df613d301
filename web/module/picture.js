// From what a page has (a file, a bitmap, samples) to straight RGBA samples.

import { RmbgError } from "./errors.js";

/** Pixels of the largest picture that is taken. */
export const MOST_PIXELS = 50e6;

const AS_STORED = { imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none" };

/** {data, width, height} of a Blob, an ImageBitmap, or what has these three already. */
export async function readPicture(source) {
  if (source instanceof Blob) {
    guard(await sizeOf(source));
    let bitmap;
    try {
      bitmap = await createImageBitmap(source, AS_STORED);
    } catch {
      throw new RmbgError("image", "this file is no picture that the browser can read");
    }
    try {
      return samplesOf(bitmap);
    } finally {
      bitmap.close();
    }
  }
  if (typeof ImageBitmap !== "undefined" && source instanceof ImageBitmap) return samplesOf(source);
  const { data, width, height } = source ?? {};
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!whole || data?.length !== 4 * width * height || data.BYTES_PER_ELEMENT !== 1) {
    throw new RmbgError("image", "a picture is a Blob, an ImageBitmap or an ImageData");
  }
  guard({ width, height });
  return { data, width, height };
}

function guard({ width, height }) {
  if (!(width * height <= MOST_PIXELS)) {
    throw new RmbgError(
      "image-too-large",
      `the picture has ${width} x ${height} pixels; more than ${MOST_PIXELS / 1e6} million do not fit a page: ` +
        "make it smaller first, or use the Python package, which has no such limit",
    );
  }
}

function samplesOf(bitmap) {
  const { width, height } = bitmap;
  guard({ width, height });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  canvas.width = canvas.height = 0; // its memory is given back at once
  return { data: isOpaque(data) ? data : (straight(bitmap) ?? data), width, height };
}

function isOpaque(data) {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return false;
  return true;
}

/** The samples as they are stored: a 2D canvas multiplies by alpha and loses colour. Null where WebGL is missing. */
function straight(bitmap) {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return null;
  const data = new Uint8ClampedArray(4 * width * height);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(data.buffer));
  const good = gl.getError() === gl.NO_ERROR;
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return good ? data : null;
}

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
