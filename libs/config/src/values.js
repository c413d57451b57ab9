import { isIP, isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
/** A decimal integer within bounds. `unit` is only for the message. */
export function integer(min, max, unit = '') {
  const words = `a whole number from ${min} to ${max}${unit === '' ? '' : ` (${unit})`}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, `must be ${words}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be ${words}`);
}
/** Seconds in the environment, milliseconds in the program. */
export function seconds(min, max) {
  return integer(min, max, 'seconds').transform((value) => value * 1000);
}
export function onOff() {
  return z.enum(['on', 'off'], 'must be on or off').transform((value) => value === 'on');
}
export function oneOf(values) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}
/** A folder or file; relative ones count from the working directory. */
export function path() {
  return z
    .string()
    .refine((value) => !value.includes('\0'), 'must not contain a NUL byte')
    .transform((value) => resolve(value));
}
/** An IP address to listen on. */
export function address() {
  return z
    .string()
    .refine(
      (value) => isIP(value) !== 0,
      'must be an IP address such as 127.0.0.1, 0.0.0.0 (all) or :: (all, IPv6 too)',
    );
}
export function ipv4() {
  return z
    .string()
    .refine(
      (value) => isIPv4(value),
      'must be an IPv4 address such as 203.0.113.7: a host name cannot be sent in a 227 reply',
    );
}
export function portRange() {
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
export function url(...schemes) {
  const fault = `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  return z.string().refine((value) => {
    if (!URL.canParse(value)) return false;
    return schemes.includes(new URL(value).protocol.slice(0, -1));
  }, fault);
}
/** A short name that is safe in logs, queue names and metrics labels. */
export function label() {
  return z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be 1 to 63 letters, digits, dots, dashes or underscores');
}
export function secret(minLength) {
  return z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .min(minLength, `must have at least ${minLength} characters`)
    .max(200, 'must have at most 200 characters');
}
//# sourceMappingURL=values.js.map
