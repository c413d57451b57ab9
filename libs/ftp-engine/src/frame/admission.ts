import type { Socket } from 'node:net';
import type { ResolvedEngineOptions } from '../engine-options.js';

/** Of a connection, in the form that rules and replies want. */
export interface ConnectionAddresses {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** Of an accepted connection; null where it was reset before it was looked at. */
export function addressesOf(socket: Socket): ConnectionAddresses | null {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (
    remoteAddress === undefined ||
    localAddress === undefined ||
    remotePort === undefined ||
    localPort === undefined
  ) {
    return null;
  }
  return inIpv4Form({ remoteAddress, remotePort, localAddress, localPort });
}

/** An IPv4 client of a dual-stack listener shows as `::ffff:192.0.2.1`; rules and replies want the IPv4 form. */
export function inIpv4Form(addresses: ConnectionAddresses): ConnectionAddresses {
  return {
    remoteAddress: unmapped(addresses.remoteAddress),
    remotePort: addresses.remotePort,
    localAddress: unmapped(addresses.localAddress),
    localPort: addresses.localPort,
  };
}

function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** Counts connections and decides, before the greeting, whether one more may come. */
export class Admission {
  #connections = 0;
  readonly #byAddress = new Map<string, number>();

  constructor(readonly options: ResolvedEngineOptions) {}

  /** Null admits and counts; a text refuses with 421. */
  admit(address: string): string | null {
    const { limits } = this.options;
    const refused = this.options.admit(address);
    if (refused !== null) return refused;
    const same = this.#byAddress.get(address) ?? 0;
    if (this.#connections >= limits.maxConnections) return 'Too many connections; try again later.';
    if (same >= limits.maxConnectionsPerAddress) return 'Too many connections from the same IP address.';
    this.#connections++;
    this.#byAddress.set(address, same + 1);
    return null;
  }

  leave(address: string): void {
    this.#connections--;
    const same = (this.#byAddress.get(address) ?? 1) - 1;
    if (same === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, same);
  }
}
