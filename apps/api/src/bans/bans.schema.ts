import type { BanRecord } from '@quayside/database';
import { parseAddress, sourceOf } from '@quayside/domain';
import { z } from 'zod';
import { instant, label, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

const address = z
  .string()
  .max(45)
  .refine((text) => parseAddress(text) !== null, 'must be an IPv4 or IPv6 address')
  .transform((text) => sourceOf(text))
  .describe('IPv4 address, or IPv6 address: of those, the whole /64 is meant.');
const login = z
  .string()
  .min(1)
  .max(256)
  .transform((text) => text.toLowerCase())
  .describe('Login name as clients send it, e.g. `web@acme`.');

export const createBan = z
  .strictObject({
    address,
    login: login.optional().describe('Bans the address at this login only; without it, at every one.'),
    until: instant
      .refine((date) => date.getTime() > Date.now(), 'must be in the future')
      .optional()
      .describe('A day from now by default.'),
    reason: label,
  })
  .meta({ id: 'CreateBan', examples: [{ address: '192.0.2.7', reason: 'abuse report 4711' }] });
export type CreateBan = z.output<typeof createBan>;

export const banQuery = z.strictObject({ ...pageParameters, address: address.optional(), login: login.optional() });
export type BanQuery = z.output<typeof banQuery>;

export const endBanQuery = z.strictObject({ reason: label.optional().describe('Kept in the audit log.') });
export type EndBanQuery = z.output<typeof endBanQuery>;

export const banOut = z
  .object({
    id: z.string(),
    address: z.string().describe('IPv4 address or IPv6 /64.'),
    login: z.string().nullable().describe('null: banned at every login.'),
    reason: z.string().nullable().describe('A kind of failure, or what an admin wrote.'),
    bans: z.int().describe('How many in a row; each lasts longer.'),
    bannedAt: time,
    bannedUntil: time,
  })
  .meta({ id: 'Ban' });
export type BanOut = z.output<typeof banOut>;

export const banPage = pageOf('BanPage', banOut);

export function presentBan({ key, source, login: name, reason, bans, bannedAt, bannedUntil }: BanRecord): BanOut {
  return {
    id: Buffer.from(key).toString('base64url'),
    address: source,
    login: name === '' ? null : name,
    reason,
    bans,
    bannedAt: bannedAt.toISOString(),
    bannedUntil: bannedUntil.toISOString(),
  };
}
