import type { Traces } from '@quayside/observability';

/** What the API needs to know; main.ts takes it from libs/config, tests make their own. */
export interface ApiSettings {
  readonly databaseUrl: string;
  readonly databasePoolSize: number;
  /** Becomes a platform-admin key at start. */
  readonly bootstrapAdminKey: string | undefined;
  readonly bcryptCost: number;
  /** Addresses that the workers neither delay nor ban (FTP_LOGIN_ALLOW); none when absent. */
  readonly loginAllow?: readonly string[];
  /** Silence after which a worker is dead, and its sessions count no more; a minute when absent. */
  readonly deadAfterMs?: number;
  /** Whether webhooks may use http; the event consumer checks where they go. */
  readonly webhooksAllowPrivate?: boolean;
  /** Null or absent: off. */
  readonly traces?: Traces | null;
  /** Told of faults that no caller is waiting for. */
  readonly onWarning?: (message: string, cause?: unknown) => void;
}

export const API_SETTINGS = Symbol('ApiSettings');
