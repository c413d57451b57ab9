const LF = 10;
const CR = 13;

/**
 * RFC 959 §3.1.1.1 on the way in: CRLF becomes LF, a CR without LF stays. A CR at the end of a chunk is held until the
 * next byte (or the end) tells what it was.
 */
export class AsciiDecoder {
  #heldCr = false;

  /** The bytes to store; may be the chunk itself, changed in place. */
  push(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return chunk;
    const prefix = this.#heldCr && chunk[0] !== LF;
    const endsWithCr = chunk[chunk.length - 1] === CR;
    this.#heldCr = endsWithCr;
    const end = endsWithCr ? chunk.length - 1 : chunk.length;
    const kept = dropCarriageReturns(chunk, end);
    if (!prefix) return kept;
    const out = new Uint8Array(kept.length + 1);
    out[0] = CR;
    out.set(kept, 1);
    return out;
  }

  /** A CR that was the last byte of all; null where there was none. */
  end(): Uint8Array | null {
    const held = this.#heldCr;
    this.#heldCr = false;
    return held ? Uint8Array.of(CR) : null;
  }
}

/** Compact `chunk[0, end)` in place: every CR that an LF follows goes. */
function dropCarriageReturns(chunk: Uint8Array, end: number): Uint8Array {
  let read = chunk.indexOf(CR);
  if (read === -1 || read >= end) return chunk.subarray(0, end);
  let write = read;
  while (read < end) {
    const byte = chunk[read]!;
    if (byte !== CR || read + 1 >= end || chunk[read + 1] !== LF) chunk[write++] = byte;
    read++;
  }
  return chunk.subarray(0, write);
}

/** The way out: LF becomes CRLF, an existing CRLF stays as it is (also when the chunk border cuts it). */
export class AsciiEncoder {
  #lastWasCr = false;

  /** The bytes to send; the chunk itself where nothing has to change. */
  push(chunk: Uint8Array): Uint8Array {
    let bare = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) {
      if (at === 0 ? !this.#lastWasCr : chunk[at - 1] !== CR) bare++;
    }
    if (bare === 0) {
      if (chunk.length > 0) this.#lastWasCr = chunk[chunk.length - 1] === CR;
      return chunk;
    }
    const out = new Uint8Array(chunk.length + bare);
    let from = 0;
    let write = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) {
      if (at === 0 ? this.#lastWasCr : chunk[at - 1] === CR) continue;
      out.set(chunk.subarray(from, at), write);
      write += at - from;
      out[write++] = CR;
      from = at;
    }
    out.set(chunk.subarray(from), write);
    this.#lastWasCr = chunk[chunk.length - 1] === CR;
    return out;
  }
}
