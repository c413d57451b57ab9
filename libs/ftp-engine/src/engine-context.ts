import type { DataServices } from './data/data-services.js';
import type { ResolvedEngineOptions } from './engine-options.js';
import type { EnginePorts } from './ports.js';
import type { SessionRegistry } from './session/session-registry.js';
import type { Receipts } from './transfer/receipts.js';

/** What all sessions of one engine share. */
export interface EngineContext {
  readonly options: ResolvedEngineOptions;
  readonly ports: EnginePorts;
  readonly sessions: SessionRegistry;
  /** SHA-256 of what was stored lately. */
  readonly receipts: Receipts;
  /** Replies sent since the start, by their first digit. */
  readonly replies: number[];
  /** Passive pool and whatever else data connections share. */
  readonly data: DataServices;
  /** Whether a certificate is there, so that AUTH can be offered. */
  readonly tlsAvailable: boolean;
}
