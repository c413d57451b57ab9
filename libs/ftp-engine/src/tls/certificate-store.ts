import { createHash } from 'node:crypto';
import type { CertificatePair, ClientAuthorities } from '../engine-options.js';
import { CertificateContexts, newTicketKeys } from './certificate-contexts.js';

/** Contexts of tenants' certificates that are kept at once. */
const MAX_TENANT_CONTEXTS = 1000;

/** The certificates of an engine: its own, replaced without a restart, those of tenants' domains, and who vouches for clients'. */
export class CertificateStore {
  #certificate: CertificatePair | null = null;
  #own: CertificateContexts | null = null;
  #authorities: ClientAuthorities | null;
  readonly #ticketKeys = newTicketKeys();
  readonly #tenants = new Map<string, CertificateContexts>();

  constructor(certificate: CertificatePair | null, authorities: ClientAuthorities | null = null) {
    this.#authorities = authorities;
    if (certificate !== null) this.replace(certificate);
  }

  get available(): boolean {
    return this.#own !== null;
  }

  /** The engine's own; null where none is configured. */
  get own(): CertificateContexts | null {
    return this.#own;
  }

  /** Whether clients are asked for a certificate. */
  get asksClients(): boolean {
    return this.#authorities !== null;
  }

  /** For new connections; open ones keep theirs. A pair that cannot be used throws and changes nothing. */
  replace(certificate: CertificatePair): void {
    this.#own = this.#contexts(certificate, this.#authorities);
    this.#certificate = certificate;
  }

  /** The same for those who vouch for clients. */
  replaceAuthorities(authorities: ClientAuthorities | null): void {
    if (this.#certificate !== null) this.#own = this.#contexts(this.#certificate, authorities);
    this.#authorities = authorities;
    this.#tenants.clear();
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
    const contexts = this.#contexts(certificate, this.#authorities);
    this.#tenants.set(key, contexts);
    if (this.#tenants.size > MAX_TENANT_CONTEXTS) this.#tenants.delete(this.#tenants.keys().next().value!);
    return contexts;
  }

  #contexts(certificate: CertificatePair, authorities: ClientAuthorities | null): CertificateContexts {
    return new CertificateContexts(certificate, this.#ticketKeys, authorities);
  }
}
