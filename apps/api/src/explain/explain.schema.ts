import { type AccessDecision, ERROR_CATALOG, type ErrorCode, OPERATIONS, parseAddress } from '@quayside/domain';
import { z } from 'zod';
import { id } from '../http/fields.js';

/** Paths as a client might send them: what is wrong with one is part of the answer. */
const clientPath = z.string().min(1).max(4096);

export const explainInput = z
  .strictObject({
    operation: z.enum(OPERATIONS).describe('`login`, or what a command would do: a permission.'),
    path: clientPath.optional().describe('Needed for everything but `login`; relative paths start at /.'),
    newPath: clientPath.optional().describe('Where `rename` goes.'),
    replaces: z.boolean().default(false).describe('Whether `rename` would replace a file that is at `newPath`.'),
    directory: z.boolean().default(false).describe('Whether `rename` moves a folder.'),
    address: z
      .string()
      .max(100)
      .refine((text) => parseAddress(text) !== null, 'must be an IPv4 or IPv6 address')
      .optional()
      .describe('The client’s address; the caller’s own when absent.'),
    protocol: z
      .enum(['ftp', 'ftps'])
      .optional()
      .describe('Which listener: `ftp` starts without TLS, `ftps` is inside TLS from the start.'),
    tls: z
      .boolean()
      .optional()
      .describe('Whether the control connection is inside TLS; by the protocol when absent, and true without either.'),
    at: z.iso
      .datetime({ offset: true })
      .transform((text) => new Date(text))
      .optional()
      .describe('When; now when absent.'),
    credential: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('Id or label of the password whose limits hold; without it the account alone is asked about.'),
  })
  .superRefine((input, context) => {
    const needs = (field: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [field], message });
    };
    if (input.operation !== 'login' && input.path === undefined) needs('path', 'is required for this operation');
    if (input.newPath !== undefined && input.operation !== 'rename') needs('newPath', 'is only for rename');
    if (input.protocol === 'ftps' && input.tls === false) needs('tls', 'ftps is always inside TLS');
  })
  .meta({
    id: 'ExplainInput',
    examples: [{ operation: 'upload', path: '/shop/index.php', address: '192.0.2.7', protocol: 'ftp', tls: true }],
  });
export type ExplainInput = z.output<typeof explainInput>;

export const explanation = z
  .object({
    allowed: z.boolean(),
    code: z
      .enum(Object.keys(ERROR_CATALOG) as [ErrorCode, ...ErrorCode[]])
      .nullable()
      .describe('Why not, as in errors and events; null where it is allowed.'),
    rule: z
      .object({
        source: z
          .string()
          .describe(
            '`platform`, `tenant` or `account` for a policy or its cap, else `status`, `mount`, `credential`, `ban`, or `space` or `tenant` for a full quota.',
          ),
        policyId: id.nullable(),
        rule: z.string(),
      })
      .nullable()
      .describe('The rule that decided; null where nothing but defaults did.'),
    reply: z.object({ code: z.int(), text: z.string() }).describe('What the FTP client would get.'),
  })
  .meta({ id: 'Explanation' });
export type Explanation = z.output<typeof explanation>;

export function presentDecision({ allowed, code, rule, ftpReply }: AccessDecision): Explanation {
  return { allowed, code, rule, reply: ftpReply };
}
