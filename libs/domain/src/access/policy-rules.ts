import type { Permission } from './permission.js';

/**
 * The rules of one policy as an admin writes them and as they are stored (JSON). Every part is optional; what is
 * missing says nothing. Platform default, tenant and account rules are merged by `mergePolicies`: a deny always wins
 * and the smallest cap holds.
 */
export interface PolicyRules {
  /** Permissions per path; the most specific pattern decides, see `compilePathRules` and docs/policies.md. */
  readonly paths?: readonly PathRule[];
  readonly names?: NameRules;
  readonly addresses?: AddressRules;
  readonly protocols?: ProtocolRules;
  /** Login is allowed only inside one of these windows; none means always. An open session ends with its window. */
  readonly times?: readonly TimeWindow[];
  /** RFC 3339; after it no login and no transfer. */
  readonly expiresAt?: string;
  readonly caps?: Caps;
  readonly uploads?: UploadRules;
}

export interface PathRule {
  /**
   * Absolute path or glob of the account's view: `*` within a segment, `**` across segments. A pattern that ends in a
   * plain name covers everything below it too.
   */
  readonly path: string;
  /** Gives back what a wider rule of the same policy denies; with nothing to give back, a complete list. */
  readonly allow?: readonly Permission[];
  readonly deny?: readonly Permission[];
}

export interface NameRules {
  /**
   * Globs on the last path segment, case-insensitive. With `allow`, only matching file names may be created or
   * written; folders are not asked. `deny` holds for both.
   */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** Names that listings leave out and that answer as if they did not exist. */
  readonly hide?: readonly string[];
}

export interface AddressRules {
  /** CIDR blocks or single addresses, IPv4 or IPv6. With `allow`, any other address is refused. */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export interface ProtocolRules {
  /** Plain FTP (no TLS on the control connection); false is the same as `tls: "required"`. */
  readonly ftp?: boolean;
  readonly ftps?: boolean;
  readonly tls?: 'optional' | 'required';
  /** TLS session reuse on data connections. */
  readonly sessionReuse?: 'off' | 'prefer' | 'require';
}

/** TLS session reuse from the laxest to the strictest: the strictest that any level asks for holds. */
export const SESSION_REUSE = ['off', 'prefer', 'require'] as const;

export interface TimeWindow {
  readonly days: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[];
  /** `HH:MM`; a window whose end is not after its start runs past midnight. */
  readonly from: string;
  readonly to: string;
  /** IANA name, e.g. `Europe/Berlin`. */
  readonly timeZone: string;
}

export interface Caps {
  readonly sessions?: number;
  readonly sessionsPerAddress?: number;
  readonly loginsPerMinute?: number;
  /** Bytes per second of one session, and of all sessions of the account together. */
  readonly uploadRate?: number;
  readonly downloadRate?: number;
  readonly sharedUploadRate?: number;
  readonly sharedDownloadRate?: number;
  /** Sessions of all accounts of the tenant, and bytes per second of all of them together. */
  readonly tenantSessions?: number;
  readonly tenantUploadRate?: number;
  readonly tenantDownloadRate?: number;
  /** Bytes. */
  readonly fileSize?: number;
  /** Bytes per calendar month in the tenant's time zone. */
  readonly monthlyUpload?: number;
  readonly monthlyDownload?: number;
  readonly monthlyTotal?: number;
}

/** Every cap; all are whole numbers ≥ 0, and 0 permits none. */
export const CAPS = [
  'sessions',
  'sessionsPerAddress',
  'loginsPerMinute',
  'uploadRate',
  'downloadRate',
  'sharedUploadRate',
  'sharedDownloadRate',
  'tenantSessions',
  'tenantUploadRate',
  'tenantDownloadRate',
  'fileSize',
  'monthlyUpload',
  'monthlyDownload',
  'monthlyTotal',
] as const satisfies readonly (keyof Caps)[];

export interface UploadRules {
  readonly mode?: 'staged' | 'direct';
  /** SHA-256 of every upload, in the 226 reply, the log and `X.sha256`. On by default. */
  readonly receipts?: boolean;
  /** Hours that the bytes of an incomplete staged upload are kept for a resume. */
  readonly partialTtlHours?: number;
}
