import { CAPS, PERMISSIONS, policyFaults, type PolicyRules, SESSION_REUSE } from '@quayside/domain';
import { z } from 'zod';

const TEXTS = { type: 'array', items: { type: 'string' } } as const;
const PERMISSION_LIST = { type: 'array', items: { type: 'string', enum: [...PERMISSIONS] } } as const;

/** For the OpenAPI document; what is accepted is decided by the domain's `policyFaults` alone. */
const DOCUMENTED = {
  type: 'object',
  additionalProperties: false,
  properties: {
    paths: {
      type: 'array',
      description: 'Permissions per path; of the patterns that match, the most specific one decides.',
      items: {
        type: 'object',
        required: ['path'],
        additionalProperties: false,
        properties: {
          path: { type: 'string', description: 'Absolute; `*` within a segment, `**` across segments.' },
          allow: PERMISSION_LIST,
          deny: PERMISSION_LIST,
        },
      },
    },
    names: {
      type: 'object',
      description: 'Globs on file names, without regard to case.',
      additionalProperties: false,
      properties: { allow: TEXTS, deny: TEXTS, hide: TEXTS },
    },
    addresses: {
      type: 'object',
      description: 'IPv4 and IPv6 addresses and CIDR blocks; a deny wins.',
      additionalProperties: false,
      properties: { allow: TEXTS, deny: TEXTS },
    },
    protocols: {
      type: 'object',
      additionalProperties: false,
      properties: {
        ftp: { type: 'boolean', description: 'FTP without TLS.' },
        ftps: { type: 'boolean' },
        tls: { type: 'string', enum: ['optional', 'required'] },
        sessionReuse: {
          type: 'string',
          enum: [...SESSION_REUSE],
          description: 'TLS session reuse on data connections.',
        },
      },
    },
    times: {
      type: 'array',
      description: 'Access only inside one of these windows.',
      items: {
        type: 'object',
        required: ['days', 'from', 'to', 'timeZone'],
        additionalProperties: false,
        properties: {
          days: { type: 'array', items: { type: 'string', enum: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] } },
          from: { type: 'string', description: 'HH:MM' },
          to: { type: 'string', description: 'HH:MM; not after `from`: past midnight.' },
          timeZone: { type: 'string', description: 'IANA name.' },
        },
      },
    },
    expiresAt: { type: 'string', format: 'date-time' },
    caps: {
      type: 'object',
      description: 'Whole numbers; 0 permits none. Rates are bytes per second, sizes and months bytes.',
      additionalProperties: false,
      properties: Object.fromEntries(CAPS.map((cap) => [cap, { type: 'integer', minimum: 0 }])),
    },
    uploads: {
      type: 'object',
      additionalProperties: false,
      properties: {
        mode: { type: 'string', enum: ['staged', 'direct'] },
        receipts: { type: 'boolean', description: 'SHA-256 of every upload.' },
        partialTtlHours: { type: 'number', minimum: 0 },
      },
    },
  },
} as const;

/** The rules of a policy: whatever `policyFaults` has nothing against, each fault at its own field. */
export const policyRules = z
  .custom<PolicyRules>()
  .superRefine((value, context) => {
    for (const { field, message } of policyFaults(value, '')) {
      context.addIssue({ code: 'custom', path: field === '' ? [] : field.split('.'), message });
    }
  })
  .meta({
    ...DOCUMENTED,
    id: 'PolicyRules',
    description: 'Every part is optional; what is missing says nothing. docs/policies.md has the merge rule.',
    examples: [
      {
        paths: [{ path: '/**', deny: ['delete'] }],
        names: { deny: ['*.php'] },
        protocols: { tls: 'required' },
        caps: { sessions: 10 },
      },
    ],
  });
