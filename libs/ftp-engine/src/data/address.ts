import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Host and port of a data connection. `host` is canonical text (see {@link canonicalAddress}). */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** RFC 2428 network protocol numbers: 1 is IPv4, 2 is IPv6. */
export type NetworkProtocol = 1 | 2;

const MAPPED = /^::ffff:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;

/**
 * One text per address, so that addresses can be compared as text: IPv4-mapped IPv6 becomes IPv4 (a dual-stack listener
 * reports IPv4 peers so), IPv6 is compressed and lower-case without its zone. Null for what is no address.
 */
export function canonicalAddress(address: string): string | null {
  if (isIPv4(address)) return address;
  const bare = address.includes('%') ? address.slice(0, address.indexOf('%')) : address;
  if (!isIPv6(bare)) return null;
  const compressed = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const mapped = MAPPED.exec(compressed);
  return mapped === null ? compressed : mapped[1]!;
}

/** Which RFC 2428 protocol an address belongs to; a mapped IPv4 address is IPv4. */
export function protocolOf(address: string): NetworkProtocol {
  return isIPv4(canonicalAddress(address) ?? '') ? 1 : 2;
}

/** RFC 959 §4.1.2 `h1,h2,h3,h4,p1,p2` as the 227 reply carries it. `host` must be dotted-quad. */
export function formatHostPort({ host, port }: HostPort): string {
  return `${host.replaceAll('.', ',')},${port >> 8},${port & 0xff}`;
}

const HOST_PORT = /^ *(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}) *$/;

/** The argument of PORT; null where it is not six decimal numbers of 0–255 or the port is 0. */
export function parseHostPort(text: string): HostPort | null {
  const match = HOST_PORT.exec(text);
  if (match === null) return null;
  const numbers = match.slice(1).map(Number);
  if (numbers.some((number) => number > 255)) return null;
  const port = numbers[4]! * 256 + numbers[5]!;
  return port === 0 ? null : { host: numbers.slice(0, 4).join('.'), port };
}

/** RFC 2428 §3: the port part of the 229 reply. */
export function formatExtendedPort(port: number): string {
  return `(|||${port}|)`;
}

/** Why an EPRT argument cannot be used: `syntax` is 501, `protocol` is 522. */
export type ExtendedAddress = HostPort | 'syntax' | 'protocol';

/** RFC 2428 §2: `<d><net-prt><d><net-addr><d><tcp-port><d>` with any delimiter of the printable ASCII range. */
export function parseExtendedAddress(text: string): ExtendedAddress {
  const trimmed = text.trim();
  const delimiter = trimmed[0] ?? '';
  if (delimiter < '!' || delimiter > '~') return 'syntax';
  const parts = trimmed.split(delimiter);
  if (parts.length !== 5 || parts[0] !== '' || parts[4] !== '') return 'syntax';
  const [, protocol, address, portText] = parts as [string, string, string, string, string];
  if (!/^\d{1,5}$/.test(protocol)) return 'syntax';
  if (protocol !== '1' && protocol !== '2') return 'protocol';
  if (!/^\d{1,5}$/.test(portText)) return 'syntax';
  const port = Number(portText);
  if (port === 0 || port > 65_535) return 'syntax';
  if (protocol === '1' ? !isIPv4(address) : !isIPv6(address)) return 'syntax';
  return { host: canonicalAddress(address)!, port };
}

/** The argument of EPSV: none, `ALL`, a protocol of ours, or one we do not have (522), or nonsense (501). */
export type EpsvArgument = 'any' | 'all' | NetworkProtocol | 'protocol' | 'syntax';

export function parseEpsvArgument(text: string): EpsvArgument {
  const trimmed = text.trim();
  if (trimmed === '') return 'any';
  if (trimmed.toUpperCase() === 'ALL') return 'all';
  if (trimmed === '1') return 1;
  if (trimmed === '2') return 2;
  return /^\d{1,5}$/.test(trimmed) ? 'protocol' : 'syntax';
}
