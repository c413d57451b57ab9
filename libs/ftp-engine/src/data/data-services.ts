import type { ResolvedEngineOptions } from '../engine-options.js';
import type { Log } from '../ports.js';
import { BufferPool } from '../transfer/buffer-pool.js';
import { trustedNetworks } from '../proxy/trusted-networks.js';
import { PassivePool } from './passive-pool.js';

/** How long PASV and EPSV wait for a free slot before 425, while others of their address get one now and then. */
const PASSIVE_WAIT_MS = 10_000;
/** Clients give a reply to PASV seconds, not minutes; longer than a port rests before somebody else may have it. */
const PASSIVE_STANDSTILL_MS = 1_500;
/** Outlasts two lost SYNs of a connection that is under way to a port (sent again after 1 s and after 3 s). */
const PASSIVE_CLOSED_MS = 5_000;
/** Outlasts what a connection takes that loses nothing. */
const PASSIVE_LEAST_CLOSED_MS = 1_000;
/** Sessions named in the log line about a stranger, at most. */
const MAX_NAMED_SESSIONS = 8;
/** 256 KiB per read keeps a download at four fifths of what the loop can do; 1 MiB would cost memory for little. */
const TRANSFER_BUFFER_BYTES = 256 * 1024;
const IDLE_TRANSFER_BUFFERS = 64;

/** What the data connections of all sessions share; the engine starts it before its listeners and stops it after them. */
export class DataServices {
  readonly passive: PassivePool;
  readonly buffers = new BufferPool(TRANSFER_BUFFER_BYTES, IDLE_TRANSFER_BUFFERS);

  constructor(
    readonly options: ResolvedEngineOptions,
    readonly log: Log,
  ) {
    this.passive = new PassivePool({
      host: listenHost(options),
      ports: passivePorts(options),
      waitMs: PASSIVE_WAIT_MS,
      standstillMs: PASSIVE_STANDSTILL_MS,
      closedMs: PASSIVE_CLOSED_MS,
      leastClosedMs: PASSIVE_LEAST_CLOSED_MS,
      isProxy: trustedNetworks(options.proxyTrusted),
      onStranger: (remoteAddress, port, waiting) => {
        const sessionIds = waiting.slice(0, MAX_NAMED_SESSIONS).map(({ id }) => id);
        log.info('dropped a stranger on a data port', { remoteAddress, port, sessionIds });
      },
    });
  }

  /** Ports are opened when they are first needed. */
  async start(): Promise<void> {}

  async stop(): Promise<void> {
    await this.passive.close();
  }
}

/** Data connections come to the address that control connections come to; with several of them, to any. */
function listenHost(options: ResolvedEngineOptions): string {
  const hosts = new Set(options.listeners.map((listener) => listener.host));
  if (hosts.size === 1) return [...hosts][0]!;
  return [...hosts].some((host) => host.includes(':')) ? '::' : '0.0.0.0';
}

function passivePorts(options: ResolvedEngineOptions): number[] {
  const { min, max } = options.passivePorts;
  if (min === 0) return Array.from({ length: options.passivePoolSize }, () => 0);
  return Array.from({ length: max - min + 1 }, (_, index) => min + index);
}
