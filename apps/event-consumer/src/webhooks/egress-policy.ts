import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';

export interface Destination {
  readonly address: string;
  readonly family: 4 | 6;
}

/** The request may not be made; the text is for the tenant's delivery log. */
export class EgressRefusedError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'EgressRefusedError';
  }
}

export interface EgressPolicy {
  /** Private, loopback and link-local addresses too, and http as well as https. */
  readonly allowPrivate: boolean;
  /** Authorities (PEM) that are trusted instead of the system's. */
  readonly ca?: string;
  readonly resolve?: (host: string) => Promise<readonly { readonly address: string }[]>;
}

/** What is not the public internet: IANA's special-purpose registries (RFC 6890) and multicast. */
const CLOSED_V4 = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  CLOSED_V4.addSubnet(network, prefix, 'ipv4');
}
/** Of IPv6 only global unicast is open, without what carries an IPv4 address inside (Teredo, 6to4) and documentation. */
const OPEN_V6 = new BlockList();
OPEN_V6.addSubnet('2000::', 3, 'ipv6');
const CLOSED_V6 = new BlockList();
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  CLOSED_V6.addSubnet(network, prefix, 'ipv6');
}

export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !CLOSED_V4.check(address, 'ipv4');
  return family === 6 && OPEN_V6.check(address, 'ipv6') && !CLOSED_V6.check(address, 'ipv6');
}

/**
 * Where a request to `url` may go. The name is resolved once, here, and the caller connects to the address it gets:
 * a name that points elsewhere a moment later (DNS rebinding) changes nothing. Throws {@link EgressRefusedError}.
 */
export async function destinationOf(url: URL, policy: EgressPolicy): Promise<Destination> {
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && policy.allowPrivate)) {
    throw new EgressRefusedError(`${url.protocol.slice(0, -1)} is not allowed; use https`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const resolve = policy.resolve ?? ((name: string) => lookup(name, { all: true }));
  const found = isIP(host) === 0 ? await resolve(host) : [{ address: host }];
  const usable = found.map(({ address }) => address).filter((address) => isIP(address) !== 0);
  const chosen = policy.allowPrivate ? usable[0] : usable.find(isPublicAddress);
  if (chosen === undefined) {
    throw new EgressRefusedError(usable.length === 0 ? 'the host has no address' : 'the host has no public address');
  }
  return { address: chosen, family: isIP(chosen) === 6 ? 6 : 4 };
}
