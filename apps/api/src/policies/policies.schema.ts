import type { PolicyRecord } from '@quayside/database';
import type { PolicyRules } from '@quayside/domain';
import { z } from 'zod';
import { count, id, label, time, version } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';
import { policyRules } from './policy-rules.schema.js';

const name = label.max(100);
const description = z
  .string()
  .trim()
  .max(1000)
  .regex(/^[^\p{Cs}\0]*$/u, 'cannot contain NUL or half a surrogate pair');

const NO_RULES: PolicyRules = {};

export const createTenantPolicy = z
  .strictObject({ name, description: description.default(''), rules: policyRules.default(NO_RULES) })
  .meta({
    id: 'CreatePolicy',
    examples: [{ name: 'web sites', rules: { names: { deny: ['*.exe'] }, protocols: { tls: 'required' } } }],
  });

const isPlatformDefault = z
  .boolean()
  .describe(
    'Whether the policy applies to every account. At most one does: the former one stops when this one starts.',
  );

export const createPlatformPolicy = createTenantPolicy
  .extend({ isPlatformDefault: isPlatformDefault.default(false) })
  .meta({ id: 'CreatePlatformPolicy', examples: [{ name: 'house rules', isPlatformDefault: true, rules: {} }] });
export type CreatePolicy = z.output<typeof createTenantPolicy> & { readonly isPlatformDefault?: boolean };

/** The whole of what can be edited: what a merged patch must be. */
export const editablePolicy = z.strictObject({
  name,
  description: description.default(''),
  rules: policyRules.default(NO_RULES),
  isPlatformDefault: z.boolean().default(false),
});
export type EditablePolicy = z.output<typeof editablePolicy>;

/** A patch may name a part of the rules, and takes parts out with null; what it comes to is validated as a whole. */
const rulesPatch = z
  .record(z.string(), z.unknown())
  .nullish()
  .describe('Merged into the rules; lists are replaced as a whole, null removes a part.');

export const patchTenantPolicy = z
  .strictObject({ name: name.optional(), description: description.nullish(), rules: rulesPatch })
  .meta({ id: 'PatchPolicy', examples: [{ rules: { caps: { sessions: 5 } } }] });

export const patchPlatformPolicy = patchTenantPolicy
  .extend({ isPlatformDefault: isPlatformDefault.nullish() })
  .meta({ id: 'PatchPlatformPolicy', examples: [{ isPlatformDefault: true }] });

const policyFields = {
  id,
  name: z.string(),
  description: z.string(),
  rules: policyRules,
  usedBy: z
    .object({ tenants: count, accounts: count })
    .describe('How many tenants and accounts name it as theirs; it cannot be deleted before none does.'),
  version,
  createdAt: time,
  updatedAt: time,
};

export const policyOut = z.object(policyFields).meta({ id: 'Policy' });
export const platformPolicyOut = z.object({ ...policyFields, isPlatformDefault }).meta({ id: 'PlatformPolicy' });
/** A tenant's policies are answered without `isPlatformDefault`. */
export type PolicyOut = z.output<typeof platformPolicyOut>;

export const policyPage = pageOf('PolicyPage', policyOut);
export const platformPolicyPage = pageOf('PlatformPolicyPage', platformPolicyOut);
export const policyQuery = z.strictObject(pageParameters);
export type PolicyQuery = z.output<typeof policyQuery>;

export function presentPolicy(policy: PolicyRecord): PolicyOut {
  return {
    id: policy.id,
    name: policy.name,
    description: policy.description,
    rules: policy.rules,
    isPlatformDefault: policy.isPlatformDefault,
    usedBy: { tenants: policy.tenants, accounts: policy.accounts },
    version: policy.version,
    createdAt: policy.createdAt.toISOString(),
    updatedAt: policy.updatedAt.toISOString(),
  };
}

/** The editable part of a policy, as a patch sees it. */
export function editableOf(policy: PolicyRecord): EditablePolicy {
  const { name: policyName, description: text, rules, isPlatformDefault: isDefault } = policy;
  return { name: policyName, description: text, rules, isPlatformDefault: isDefault };
}
