import { isIP, isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';

/** First and last port, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A decimal integer within bounds. `unit` is only for the message. */
export function integer(min: number, max: number, unit = ''): z.ZodType<number, string> {
  const words = `a whole number from ${min} to ${max}${unit === '' ? '' : ` (${unit})`}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, `must be ${words}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be ${words}`);
}

/** Seconds in the environment, milliseconds in the program. */
export function seconds(min: number, max: number): z.ZodType<number, string> {
  return integer(min, max, 'seconds').transform((value) => value * 1000);
}

export function onOff(): z.ZodType<boolean, string> {
  return z.enum(['on', 'off'], 'must be on or off').transform((value) => value === 'on');
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T): z.ZodType<T[number], string> {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

/** A folder or file; relative ones count from the working directory. */
export function path(): z.ZodType<string, string> {
  return z
    .string()
    .refine((value) => !value.includes('\0'), 'must not contain a NUL byte')
    .transform((value) => resolve(value));
}

/** An IP address to listen on. */
export function address(): z.ZodType<string, string> {
  return z
    .string()
    .refine(
      (value) => isIP(value) !== 0,
      'must be an IP address such as 127.0.0.1, 0.0.0.0 (all) or :: (all, IPv6 too)',
    );
}

export function ipv4(): z.ZodType<string, string> {
  return z
    .string()
    .refine(
      (value) => isIPv4(value),
      'must be an IPv4 address such as 203.0.113.7: a host name cannot be sent in a 227 reply',
    );
}

/** A public IPv4 address for the clients of a network. */
export interface AddressRule {
  /** Address or CIDR block. */
  readonly clients: string;
  readonly address: string;
}

/** `network=address`, separated by commas; the first that fits a client holds. */
export function addressRules(): z.ZodType<readonly AddressRule[], string> {
  return z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== '')
        .map((one) => {
          const [clients = '', address = '', ...rest] = one.split('=');
          return { clients: clients.trim(), address: rest.length > 0 ? '' : address.trim() };
        }),
    )
    .refine(
      (rules) => rules.every(({ clients, address }) => isNetwork(clients) && isIPv4(address)),
      'must be networks with an IPv4 address each, such as 10.0.0.0/8=10.0.0.5,0.0.0.0/0=203.0.113.7',
    );
}

/** IP addresses and CIDR blocks, separated by commas; none is an empty text. */
export function networks(): z.ZodType<readonly string[], string> {
  return z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    )
    .refine(
      (values) => values.every(isNetwork),
      'must be IP addresses or networks such as 192.0.2.0/24, separated by commas',
    );
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

export function portRange(): z.ZodType<PortRange, string> {
  const fault = 'must be two ports from 1024 to 65535, the lower first, such as 30000-30099';
  return z
    .string()
    .regex(/^\d{1,5}-\d{1,5}$/, fault)
    .transform((value) => {
      const [first = 0, last = 0] = value.split('-').map(Number);
      return { first, last };
    })
    .refine(({ first, last }) => first >= 1024 && last <= 65535 && first <= last, fault);
}

/** A URL of one of these schemes, kept as text because drivers take text. */
export function url(...schemes: readonly string[]): z.ZodType<string, string> {
  const fault = `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  return z.string().refine((value) => {
    if (!URL.canParse(value)) return false;
    return schemes.includes(new URL(value).protocol.slice(0, -1));
  }, fault);
}

/** A short name that is safe in logs, queue names and metrics labels. */
export function label(): z.ZodType<string, string> {
  return z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be 1 to 63 letters, digits, dots, dashes or underscores');
}

export function secret(minLength: number): z.ZodType<string, string> {
  return z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .min(minLength, `must have at least ${minLength} characters`)
    .max(200, 'must have at most 200 characters');
}

/** A part of the whole, 0 to 1. */
export function ratio(): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^(?:0(?:\.\d{1,9})?|1(?:\.0{1,9})?)$/, 'must be a number from 0 to 1, such as 0.1')
    .transform(Number);
}

/** `name=value` pairs of HTTP headers, separated by commas; values percent-encoded. */
export function headers(): z.ZodType<Readonly<Record<string, string>>, string> {
  return z.string().transform((value, context) => {
    const pairs: [string, string][] = [];
    for (const one of value.split(',').filter((part) => part.trim() !== '')) {
      const [, name, text = ''] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*?)\s*$/.exec(one) ?? [];
      const decoded = decode(text);
      if (name === undefined || decoded === null) {
        context.addIssue('must be name=value pairs separated by commas, with percent-encoded values');
        return z.NEVER;
      }
      pairs.push([name.toLowerCase(), decoded]);
    }
    return Object.fromEntries(pairs);
  });
}

/** Null where that is no text of a header. */
function decode(text: string): string | null {
  try {
    const decoded = decodeURIComponent(text);
    return /^[\x20-\x7e]*$/.test(decoded) ? decoded : null;
  } catch {
    return null;
  }
}
