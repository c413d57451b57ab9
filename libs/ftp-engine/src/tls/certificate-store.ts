import { createHash } from 'node:crypto';
import type { CertificatePair } from '../engine-options.js';
import { CertificateContexts, newTicketKeys } from './certificate-contexts.js';

/** Contexts of tenants' certificates that are kept at once. */
const MAX_TENANT_CONTEXTS = 1000;

/** The certificates of an engine: its own, replaced without a restart, and those of tenants' domains. */
export class CertificateStore {
  #own: CertificateContexts | null = null;
  readonly #ticketKeys = newTicketKeys();
  readonly #tenants = new Map<string, CertificateContexts>();

  constructor(certificate: CertificatePair | null) {
    if (certificate !== null) this.replace(certificate);
  }

  get available(): boolean {
    return this.#own !== null;
  }

  /** The engine's own; null where none is configured. */
  get own(): CertificateContexts | null {
    return this.#own;
  }

  /** For new connections; open ones keep theirs. A pair that cannot be used throws and changes nothing. */
  replace(certificate: CertificatePair): void {
    this.#own = new CertificateContexts(certificate, this.#ticketKeys);
  }

  /** A tenant's certificate, parsed once. */
  ofTenant(certificate: CertificatePair): CertificateContexts {
    const key = createHash('sha256').update(certificate.cert).update('\0').update(certificate.key).digest('base64');
    const known = this.#tenants.get(key);
    if (known !== undefined) {
      // Most recently used last.
      this.#tenants.delete(key);
      this.#tenants.set(key, known);
      return known;
    }
    const contexts = new CertificateContexts(certificate, this.#ticketKeys);
    this.#tenants.set(key, contexts);
    if (this.#tenants.size > MAX_TENANT_CONTEXTS) this.#tenants.delete(this.#tenants.keys().next().value!);
    return contexts;
  }
}
