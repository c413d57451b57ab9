import type { PolicyChange } from '@quayside/domain';
import { z } from 'zod';
import { explanation, presentDecision } from '../explain/explain.schema.js';
import { count, id } from '../http/fields.js';
import { policyRules } from './policy-rules.schema.js';

export const previewInput = z
  .strictObject({ rules: policyRules.describe('The rules that the policy would have; all of them.') })
  .meta({ id: 'PolicyPreviewInput', examples: [{ rules: { names: { deny: ['*.php'] } } }] });
export type PreviewInput = z.output<typeof previewInput>;

const accessChange = z
  .object({
    what: z.literal('access'),
    request: z.object({
      operation: z.string(),
      path: z.string().nullable(),
      address: z.string(),
      tls: z.boolean(),
      at: z.iso.datetime(),
    }),
    before: explanation,
    after: explanation,
  })
  .meta({ id: 'AccessChange', description: 'An example of a request whose answer turns.' });
const capChange = z
  .object({ what: z.literal('cap'), cap: z.string(), before: count.nullable(), after: count.nullable() })
  .meta({ id: 'CapChange' });
const settingChange = z
  .object({ what: z.enum(['uploads', 'sessionReuse']), before: z.string(), after: z.string() })
  .meta({ id: 'SettingChange' });
export type ChangeOut = z.output<typeof accessChange | typeof capChange | typeof settingChange>;

export const policyPreview = z
  .object({
    accounts: z.array(
      z.object({
        id,
        login: z.string(),
        changes: z.array(z.discriminatedUnion('what', [accessChange, capChange, settingChange])),
        moreChanges: z.boolean().describe('Whether there may be more than the ones that are listed.'),
      }),
    ),
    examined: count.describe('Accounts that were looked at.'),
    total: count.describe('Accounts that the policy applies to.'),
    truncated: z
      .boolean()
      .describe('Whether there are accounts that were not looked at, or not with every request that matters.'),
  })
  .meta({ id: 'PolicyPreview' });
export type PolicyPreview = z.output<typeof policyPreview>;

export function presentChange(change: PolicyChange): ChangeOut {
  if (change.what !== 'access') return change;
  const { request } = change;
  return {
    what: 'access',
    request: {
      operation: request.operation,
      path: request.path ?? null,
      address: request.address,
      tls: request.tls,
      at: new Date(request.atMs).toISOString(),
    },
    before: presentDecision(change.before),
    after: presentDecision(change.after),
  };
}
