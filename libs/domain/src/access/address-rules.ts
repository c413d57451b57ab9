import type { AddressRules } from './policy-rules.js';

/** Most entries in one address list. */
export const MAX_ADDRESSES = 1000;

/** An IP address as a number; IPv4-mapped IPv6 addresses (`::ffff:192.0.2.1`) are the IPv4 address they carry. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A block of addresses; a single address is a block of one. */
export interface AddressBlock {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

const MAPPED = 0xffffn;
const MAPPED_PREFIX = 96;

/** Read an address in its text forms (RFC 4291 §2.2, dotted quad without leading zeros); null for anything else. */
export function parseAddress(text: string): IpAddress | null {
  const zone = text.indexOf('%');
  const bare = zone < 0 ? text : text.slice(0, zone);
  if (!bare.includes(':')) {
    const value = zone < 0 ? parseV4(bare) : null;
    return value === null ? null : { family: 4, value: BigInt(value) };
  }
  const value = parseV6(bare);
  if (value === null) return null;
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

/** Read `address` or `address/prefix`; bits behind the prefix are ignored. Null for anything else. */
export function parseBlock(text: string): AddressBlock | null {
  const match = /^([0-9A-Fa-f:.]{2,45})(?:\/(0|[1-9]\d{0,2}))?$/.exec(text);
  const address = match === null ? null : parseAddress(match[1]!);
  if (match === null || address === null) return null;
  const mapped = address.family === 4 && match[1]!.includes(':');
  const width = address.family === 4 ? 32 : 128;
  if (match[2] === undefined) return { family: address.family, first: address.value, last: address.value };
  const prefix = Number(match[2]) - (mapped ? MAPPED_PREFIX : 0);
  if (prefix < 0 || prefix > width) return null;
  const hostBits = BigInt(width - prefix);
  const first = (address.value >> hostBits) << hostBits;
  return { family: address.family, first, last: first | ((1n << hostBits) - 1n) };
}

export function blockContains(block: AddressBlock, address: IpAddress): boolean {
  return block.family === address.family && address.value >= block.first && address.value <= block.last;
}

/**
 * What counts as one source of connections: the IPv4 address, or the /64 of an IPv6 address, which is what one
 * subscriber gets. Text that is no address is its own source.
 */
export function sourceOf(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === null) return address;
  return parsed.family === 4 ? formatV4(parsed.value) : `${prefixOf(parsed.value)}::/64`;
}

/** The first four groups of an IPv6 address, without the zeros that `::` stands for (RFC 5952 §4.2). */
function prefixOf(value: bigint): string {
  const groups = [112n, 96n, 80n, 64n].map((shift) => ((value >> shift) & 0xffffn).toString(16));
  while (groups.at(-1) === '0') groups.pop();
  return groups.join(':');
}

/** The compiled address rules of one policy or credential. */
export interface CompiledAddresses {
  /** Why the address is refused, as text; null where it is not. An address that cannot be read is refused. */
  refusal(address: IpAddress | null): string | null;
}

/** Compile address rules: a deny wins; with a non-empty `allow`, every other address is refused. */
export function compileAddressRules(rules: AddressRules): CompiledAddresses {
  const deny = (rules.deny ?? []).map(entryOf);
  const allow = (rules.allow ?? []).map(entryOf);
  return {
    refusal(address) {
      if (deny.length + allow.length === 0) return null;
      if (address === null) return 'the address cannot be read';
      const denied = deny.find(({ block }) => blockContains(block, address));
      if (denied !== undefined) return `deny address ${denied.text}`;
      if (allow.length === 0 || allow.some(({ block }) => blockContains(block, address))) return null;
      return `allow only addresses ${allow.map(({ text }) => text).join(', ')}`;
    },
  };
}

function entryOf(text: string): { readonly text: string; readonly block: AddressBlock } {
  const block = parseBlock(text);
  if (block === null) throw new Error(`${JSON.stringify(text)} is no IP address or CIDR block`);
  return { text, block };
}

function parseV4(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  let value = 0;
  for (const part of match.slice(1)) {
    // A leading zero means octal to some readers: an address with two readings is none.
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return null;
    value = value * 256 + Number(part);
  }
  return value;
}

function parseV6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** Groups of one side of `::`; only the last side may end in a dotted quad. */
function groupsOf(text: string, mayEndInV4: boolean): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (mayEndInV4 && index === parts.length - 1 && part.includes('.')) {
      const v4 = parseV4(part);
      if (v4 === null) return null;
      groups.push(Math.floor(v4 / 65536), v4 % 65536);
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}

function formatV4(value: bigint): string {
  const number = Number(value);
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.');
}
