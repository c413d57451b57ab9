import type { FieldFault } from '../errors/domain-error.js';
import { MAX_ADDRESSES, parseBlock } from './address-rules.js';
import { segmentGlobFault } from './glob.js';
import { MAX_NAME_PATTERNS } from './name-rules.js';
import { MAX_PATH_RULES, pathPatternFault } from './path-rules.js';
import { PERMISSIONS } from './permission.js';
import { CAPS, SESSION_REUSE } from './policy-rules.js';
import { MAX_TIME_WINDOWS, minutesOf, WEEKDAYS } from './time-windows.js';
import { isTimeZone } from './wall-clock.js';

/** What is wrong with a value, as the end of the sentence "the field …"; null where nothing is. */
type Check = (value: unknown, field: string, faults: FieldFault[]) => void;

/** Longest that an incomplete upload may be kept: a year. */
const MAX_PARTIAL_TTL_HOURS = 8784;

/**
 * Every fault of what somebody sent as the rules of a policy, each with the dotted path of its field below `field`.
 * Empty: it is a {@link PolicyRules}.
 */
export function policyFaults(rules: unknown, field = 'rules'): FieldFault[] {
  const faults: FieldFault[] = [];
  RULES(rules, field, faults);
  return faults;
}

/** What is wrong with one address or CIDR block; null where nothing is. */
export function addressFault(value: unknown): string | null {
  return typeof value === 'string' && parseBlock(value) !== null
    ? null
    : 'must be an IPv4 or IPv6 address or CIDR block, such as 192.0.2.0/24';
}

/** What is wrong with an instant as text; null where nothing is. */
export function instantFault(value: unknown): string | null {
  const form = /^\d{4}-(\d{2})-(\d{2})[Tt](\d{2}):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-][01]\d:[0-5]\d)$/;
  if (typeof value === 'string' && form.test(value) && !Number.isNaN(Date.parse(value)) && dateExists(value))
    return null;
  return 'must be an RFC 3339 time, such as 2027-01-31T00:00:00Z';
}

/** Date.parse moves 30 February to March; a date that has to be moved does not exist. */
function dateExists(text: string): boolean {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

const RULES = record({
  paths: list(
    record(
      { path: text(pathPatternFault), allow: permissions(), deny: permissions() },
      ['path'],
      atLeastOneOf('allow', 'deny'),
    ),
    MAX_PATH_RULES,
  ),
  names: record({ allow: names(), deny: names(), hide: names() }),
  addresses: record({
    allow: list(simple(addressFault), MAX_ADDRESSES),
    deny: list(simple(addressFault), MAX_ADDRESSES),
  }),
  protocols: record({
    ftp: flag(),
    ftps: flag(),
    tls: oneOf(['optional', 'required']),
    sessionReuse: oneOf(SESSION_REUSE),
  }),
  times: list(
    record(
      {
        days: list(oneOf(WEEKDAYS), 7, 1),
        from: text((value) => (value !== '24:00' && minutesOf(value) !== null ? null : 'must be HH:MM')),
        to: text((value) => (minutesOf(value) === null ? 'must be HH:MM' : null)),
        timeZone: text((value) => (isTimeZone(value) ? null : 'must be an IANA time zone, such as Europe/Berlin')),
      },
      ['days', 'from', 'to', 'timeZone'],
    ),
    MAX_TIME_WINDOWS,
  ),
  expiresAt: simple(instantFault),
  caps: record(Object.fromEntries(CAPS.map((cap) => [cap, count()]))),
  uploads: record({
    mode: oneOf(['staged', 'direct']),
    receipts: flag(),
    partialTtlHours: simple((value) =>
      typeof value === 'number' && value >= 0 && value <= MAX_PARTIAL_TTL_HOURS
        ? null
        : `must be a number of hours from 0 to ${MAX_PARTIAL_TTL_HOURS}`,
    ),
  }),
});

function simple(faultOf: (value: unknown) => string | null): Check {
  return (value, field, faults) => {
    const message = faultOf(value);
    if (message !== null) faults.push({ field, message });
  };
}

function text(faultOf: (value: string) => string | null): Check {
  return simple((value) => (typeof value === 'string' ? faultOf(value) : 'must be text'));
}

function flag(): Check {
  return simple((value) => (typeof value === 'boolean' ? null : 'must be true or false'));
}

function count(): Check {
  return simple((value) =>
    Number.isSafeInteger(value) && (value as number) >= 0 ? null : 'must be a whole number from 0 to 2^53-1',
  );
}

function oneOf(values: readonly string[]): Check {
  return simple((value) => (values.includes(value as string) ? null : `must be one of ${values.join(', ')}`));
}

function permissions(): Check {
  return list(oneOf(PERMISSIONS), PERMISSIONS.length);
}

function names(): Check {
  return list(text(segmentGlobFault), MAX_NAME_PATTERNS);
}

function list(each: Check, most: number, least = 0): Check {
  return (value, field, faults) => {
    if (!Array.isArray(value)) faults.push({ field, message: 'must be a list' });
    else if (value.length < least) faults.push({ field, message: `must have at least ${least} entry` });
    else if (value.length > most) faults.push({ field, message: `must have at most ${most} entries` });
    else for (const [index, entry] of value.entries()) each(entry, below(field, String(index)), faults);
  };
}

function record(
  fields: Readonly<Record<string, Check>>,
  required: readonly string[] = [],
  whole: ((value: Record<string, unknown>) => string | null) | null = null,
): Check {
  return (value, field, faults) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      faults.push({ field, message: 'must be an object' });
      return;
    }
    const given = value as Record<string, unknown>;
    for (const [name, entry] of Object.entries(given)) {
      const check = Object.hasOwn(fields, name) ? fields[name]! : simple(() => 'is not a field of a policy');
      if (entry !== undefined) check(entry, below(field, name), faults);
    }
    for (const name of required) {
      if (given[name] === undefined) faults.push({ field: below(field, name), message: 'is required' });
    }
    const message = whole?.(given) ?? null;
    if (message !== null) faults.push({ field, message });
  };
}

function below(field: string, name: string): string {
  return field === '' ? name : `${field}.${name}`;
}

function atLeastOneOf(...names: readonly string[]): (value: Record<string, unknown>) => string | null {
  return (value) => (names.some((name) => value[name] !== undefined) ? null : `must have ${names.join(' or ')}`);
}
