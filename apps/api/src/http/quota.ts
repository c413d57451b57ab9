import { z } from 'zod';
import { limit } from './fields.js';

/** What a space may hold; of an account, its own space. */
export const quota = z
  .strictObject({ bytes: limit.default(null), files: limit.default(null) })
  .meta({ id: 'Quota', description: 'What a space may hold; of an account, the space at / of its view.' });
