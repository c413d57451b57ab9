import type { StoredHash } from './stored-hash.js';

const FORM = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** 2^14 rounds take about a second of one core. */
const MAX_COST = 14;

/** `$2a$`, `$2b$` and PHP's `$2y$`, which is `$2b$` by another name. */
export function bcryptHash(text: string): StoredHash | null {
  const cost = bcryptCost(text);
  if (cost === null || cost < 4) return null;
  return {
    scheme: 'bcrypt',
    excess: cost > MAX_COST ? `must have a bcrypt cost of at most ${MAX_COST}` : null,
    // The addon knows no $2y$.
    verify: (password, bcrypt) => bcrypt.compare(password, text.replace(/^\$2y\$/, '$2b$')),
  };
}

/** The cost of a bcrypt hash; null where the text is none. */
export function bcryptCost(text: string): number | null {
  const match = FORM.exec(text);
  return match === null ? null : Number(match[1]);
}
