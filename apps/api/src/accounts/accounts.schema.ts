import type { AccountRecord, SpaceRecord } from '@quayside/database';
import { loginNameOf } from '@quayside/domain';
import { z } from 'zod';
import { passwordHash } from '../credentials/password-hash.js';
import {
  count,
  id,
  isoOrNull,
  label,
  limit,
  password,
  shownCount,
  status,
  time,
  username,
  version,
} from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';
import { quota } from '../http/quota.js';
import { MOST_MOUNTS } from '../mounts/mount-view.js';
import { mountInput } from '../mounts/mounts.schema.js';

/** Any offset; kept in UTC. */
const expiry = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text).toISOString())
  .describe('RFC 3339; no login after it.');

const decoy = z
  .boolean()
  .describe('Nobody has it: whoever tries to log in as it, with any password, is banned from every account at once.');

export const createAccount = z
  .strictObject({
    username: username.describe('Letters, digits and . _ + -; case does not matter.'),
    password: password.optional().describe('Generated, and shown once in the answer, when absent.'),
    passwordHash: passwordHash.optional(),
    quota: quota.optional().describe('Of the account’s own space; without limits when absent.'),
    policy: id.nullable().default(null).describe('Policy of this account, on top of the tenant’s.'),
    expiresAt: expiry.nullable().default(null),
    decoy: decoy.default(false),
    space: id.optional().describe('A space of the tenant to mount at / instead of a new one of its own.'),
    mounts: z
      .array(mountInput)
      .min(1)
      .max(MOST_MOUNTS)
      .optional()
      .describe('The whole view, of spaces of the tenant, instead of a new space of its own.'),
  })
  .superRefine((input, context) => {
    const clash = (field: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [field], message });
    };
    if (input.password !== undefined && input.passwordHash !== undefined)
      clash('passwordHash', 'cannot be given with password');
    if (input.space !== undefined && input.mounts !== undefined) clash('mounts', 'cannot be given with space');
    if (input.quota !== undefined && (input.space ?? input.mounts) !== undefined) {
      clash('quota', 'belongs to the space that is mounted; change it there');
    }
  })
  .meta({ id: 'CreateAccount', examples: [{ username: 'web', quota: { bytes: 10737418240, files: 100000 } }] });
export type CreateAccount = z.output<typeof createAccount>;

/** The whole of what can be edited: what a merged patch must be. */
export const editableAccount = z
  .strictObject({
    username,
    password: password.optional(),
    passwordHash: passwordHash.optional(),
    quota: quota.default({ bytes: null, files: null }),
    policy: id.nullable().default(null),
    expiresAt: expiry.nullable().default(null),
    decoy: decoy.default(false),
    status: status.default('active'),
    statusText: label.nullable().default(null),
  })
  .superRefine(({ password: text, passwordHash: hash }, context) => {
    if (text === undefined || hash === undefined) return;
    context.addIssue({ code: 'custom', path: ['passwordHash'], message: 'cannot be given with password' });
  });
export type EditableAccount = z.output<typeof editableAccount>;

export const patchAccount = z
  .strictObject({
    username: username.optional(),
    password: password.optional().describe('Replaces the password.'),
    passwordHash: passwordHash.optional(),
    quota: z.strictObject({ bytes: limit.optional(), files: limit.optional() }).nullish(),
    policy: id.nullish(),
    expiresAt: expiry.nullish(),
    decoy: decoy.nullish(),
    status: status.nullish(),
    statusText: label.nullish().describe('Shown to the customer where the status is not `active`.'),
  })
  .meta({ id: 'PatchAccount', examples: [{ quota: { bytes: 21474836480 } }] });

export const accountOut = z
  .object({
    id,
    username: z.string(),
    login: z.string().describe('What the customer types as the FTP user name.'),
    status,
    statusText: z.string().nullable(),
    quota: z.object({ bytes: limit, files: limit }),
    usage: z.object({
      bytes: count,
      files: count,
      reservedBytes: count.describe('Held by running uploads and incomplete ones.'),
      stagedBytes: count.describe('The incomplete uploads’ part of it: they can be resumed.'),
    }),
    policy: id.nullable(),
    space: id.nullable().describe('The space mounted at /.'),
    expiresAt: time.nullable(),
    decoy: z.boolean(),
    version,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Account' });
export type AccountOut = z.output<typeof accountOut>;

export const createdAccount = accountOut
  .extend({ password: z.string().optional().describe('Only where it was generated, and only this once.') })
  .meta({ id: 'CreatedAccount' });
export type CreatedAccount = z.output<typeof createdAccount>;

export const accountPage = pageOf('AccountPage', accountOut);

export const accountQuery = z.strictObject({
  ...pageParameters,
  status: status.optional(),
  q: z.string().min(1).max(64).toLowerCase().optional().describe('Start of the user name.'),
  sort: z.enum(['username', '-username', 'createdAt', '-createdAt']).default('username'),
});
export type AccountQuery = z.output<typeof accountQuery>;

export const deleteQuery = z.strictObject({
  files: z
    .enum(['keep', 'delete'])
    .default('keep')
    .describe('`keep` leaves the space and its files; `delete` removes them after the answer.'),
});
export type DeleteQuery = z.output<typeof deleteQuery>;

export const deletedAccount = z
  .object({
    id,
    files: z
      .enum(['kept', 'removing', 'shared'])
      .describe('`shared`: other accounts have the space mounted, so it stays.'),
    space: z.object({ id, usage: z.object({ bytes: count, files: count }) }).nullable(),
  })
  .meta({ id: 'DeletedAccount' });
export type DeletedAccount = z.output<typeof deletedAccount>;

export function presentAccount(account: AccountRecord, slug: string): AccountOut {
  return {
    id: account.id,
    username: account.username,
    login: loginNameOf(account.username, slug),
    status: account.status as AccountOut['status'],
    statusText: account.statusText,
    quota: { bytes: account.bytesLimit, files: account.filesLimit },
    usage: {
      bytes: shownCount(account.bytesUsed),
      files: shownCount(account.filesUsed),
      reservedBytes: shownCount(account.bytesReserved),
      stagedBytes: shownCount(account.bytesStaged),
    },
    policy: account.policyId,
    space: account.spaceId,
    expiresAt: isoOrNull(account.expiresAt),
    decoy: account.decoy,
    version: account.version,
    createdAt: account.createdAt.toISOString(),
    updatedAt: account.updatedAt.toISOString(),
  };
}

/** The editable part of an account, as a patch sees it; the password is never read. */
export function editableOf(account: AccountRecord): EditableAccount {
  return {
    username: account.username,
    quota: { bytes: account.bytesLimit, files: account.filesLimit },
    policy: account.policyId,
    expiresAt: isoOrNull(account.expiresAt),
    decoy: account.decoy,
    status: account.status as EditableAccount['status'],
    statusText: account.statusText,
  };
}

export function presentDeleted(
  account: AccountRecord,
  space: SpaceRecord | null,
  files: DeletedAccount['files'],
): DeletedAccount {
  const usage = { bytes: shownCount(account.bytesUsed), files: shownCount(account.filesUsed) };
  return { id: account.id, files, space: space === null ? null : { id: space.id, usage } };
}
