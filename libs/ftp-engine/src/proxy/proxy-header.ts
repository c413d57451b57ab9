import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** The connection that a proxy took, as its header tells. */
export interface ProxiedAddresses {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** `addresses` is null for a connection of the proxy's own (v2 LOCAL, v1 UNKNOWN). */
export interface ProxyHeader {
  readonly addresses: ProxiedAddresses | null;
  /** Bytes of the header; what follows is the client's. */
  readonly length: number;
}

/** PROXY protocol §2.1: the longest v1 line with its CRLF. */
const V1_MAX = 107;
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED = 16;
/** Addresses and TLVs; the protocol asks receivers to take a few hundred bytes. */
const V2_MAX_REST = 2048;
const V1 = /^PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]{2,45}) ([0-9A-Fa-f.:]{2,45}) (\d{1,5}) (\d{1,5})$/;

/** The header at the start of a connection; `more` where it is not whole yet, `invalid` for anything else. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | 'more' | 'invalid' {
  const signature = Math.min(bytes.length, V2_SIGNATURE.length);
  if (signature > 0 && bytes.subarray(0, signature).equals(V2_SIGNATURE.subarray(0, signature))) {
    return bytes.length < V2_FIXED ? 'more' : parseV2(bytes);
  }
  return parseV1(bytes);
}

function parseV1(bytes: Buffer): ProxyHeader | 'more' | 'invalid' {
  const prefix = bytes.toString('latin1', 0, Math.min(bytes.length, 6));
  if (!'PROXY '.startsWith(prefix)) return 'invalid';
  const end = bytes.subarray(0, V1_MAX).indexOf('\r\n');
  if (end < 0) return bytes.length >= V1_MAX ? 'invalid' : 'more';
  const line = bytes.toString('latin1', 0, end);
  const length = end + 2;
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return { addresses: null, length };
  const match = V1.exec(line);
  if (match === null) return 'invalid';
  const [, family, remoteAddress, localAddress, remotePort, localPort] = match as unknown as string[];
  const isAddress = family === 'TCP4' ? isIPv4 : isIPv6;
  const [from, to] = [Number(remotePort), Number(localPort)];
  if (!isAddress(remoteAddress!) || !isAddress(localAddress!) || from > 65_535 || to > 65_535) return 'invalid';
  return {
    addresses: { remoteAddress: remoteAddress!, remotePort: from, localAddress: localAddress!, localPort: to },
    length,
  };
}

/** Version and command, then family and protocol, then the length of what follows (§2.2). */
function parseV2(bytes: Buffer): ProxyHeader | 'more' | 'invalid' {
  const command = bytes[12]!;
  const family = bytes[13]!;
  const rest = bytes.readUInt16BE(14);
  if ((command !== 0x20 && command !== 0x21) || rest > V2_MAX_REST) return 'invalid';
  const length = V2_FIXED + rest;
  if (bytes.length < length) return 'more';
  if (command === 0x20 || family === 0x00) return { addresses: null, length };
  const size = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  if (size === 0 || rest < 2 * size + 4) return 'invalid';
  const address = (at: number): string => addressOf(bytes.subarray(at, at + size));
  const ports = V2_FIXED + 2 * size;
  return {
    addresses: {
      remoteAddress: address(V2_FIXED),
      localAddress: address(V2_FIXED + size),
      remotePort: bytes.readUInt16BE(ports),
      localPort: bytes.readUInt16BE(ports + 2),
    },
    length,
  };
}

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
