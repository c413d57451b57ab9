import type { CertificateContexts, TicketBinding } from './certificate-contexts.js';

/** How TLS was set up on one control connection, and what its data connections need to resume it. */
export interface SessionTls {
  readonly implicit: boolean;
  readonly contexts: CertificateContexts;
  readonly binding: TicketBinding;
  /** e.g. `TLSv1.3`. */
  readonly version: string;
  /** Standard name of the cipher suite. */
  readonly cipher: string;
  /** Names in the client's verified certificate; null where none was shown or it does not stand. */
  readonly certificateNames: readonly string[] | null;
}
