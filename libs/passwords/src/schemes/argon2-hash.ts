import { verify } from '@node-rs/argon2';
import type { StoredHash } from './stored-hash.js';

const FORM =
  /^\$argon2(id|i|d)\$(?:v=(?:16|19)\$)?m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172}$/;
/** One login may take this much memory for as long as it is checked (KiB), */
const MOST_MEMORY = 128 * 1024;
/** and go over this much of it in all: about a second. */
const MOST_WORK = 512 * 1024;
const MOST_LANES = 16;

/** The PHC strings `$argon2id$`, `$argon2i$` and `$argon2d$`; computed on libuv's threads. */
export function argon2Hash(text: string): StoredHash | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [memory, passes, lanes] = match.slice(2).map(Number) as [number, number, number];
  if (memory < 8 * lanes || passes < 1 || lanes < 1) return null;
  return {
    scheme: `argon2${match[1]}`,
    excess: excessOf(memory, passes, lanes),
    verify: (password) => verify(text, password),
  };
}

function excessOf(memory: number, passes: number, lanes: number): string | null {
  if (memory > MOST_MEMORY) return `must have an argon2 memory cost m of at most ${MOST_MEMORY}`;
  if (memory * passes > MOST_WORK) return `must have argon2 costs m times t of at most ${MOST_WORK}`;
  return lanes > MOST_LANES ? `must have an argon2 parallelism p of at most ${MOST_LANES}` : null;
}
