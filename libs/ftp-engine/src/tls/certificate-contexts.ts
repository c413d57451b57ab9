import { constants, randomBytes } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { limitTickets } from '@quayside/native';
import type { CertificatePair, ClientAuthorities } from '../engine-options.js';
import { sessionIdContextOf } from './session-ticket.js';

/**
 * TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 brings its own. CBC suites are left out: every
 * client that knows TLS 1.2 in use today knows GCM or ChaCha20.
 */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/** A ticket must live as long as the longest control connection, or long uploads cannot resume it (seconds). */
const TICKET_LIFETIME = 86_400;

/**
 * Node's own binding under a SecureContext. OpenSSL copies the context's session id context into each new connection,
 * stores it in the connection's tickets and resumes a ticket only where it is equal: set per control session, it binds
 * the tickets of a shared context to that session.
 */
interface NativeContext {
  setSessionIdContext?(id: string): void;
}

/**
 * The TLS contexts of one certificate. Parsing a key costs about a millisecond, so control connections share one context
 * and data connections another, which sends no tickets (SEMANTICS §4: they cost uploads their tail). Both take each
 * other's tickets, and only those of one control session: see {@link NativeContext}. Where the binding is missing each
 * session gets contexts and ticket keys of its own.
 */
export class CertificateContexts {
  readonly #options: SecureContextOptions;
  readonly #ticketKeys: Buffer;
  readonly #shared: { readonly control: SecureContext; readonly data: SecureContext } | null;
  readonly #ofSession = new WeakMap<TicketBinding, { control: SecureContext; data: SecureContext }>();

  /** Throws OpenSSL's error where certificate and key cannot be used together. */
  constructor(
    certificate: CertificatePair,
    ticketKeys: Buffer,
    authorities: ClientAuthorities | null = null,
    shareContexts = true,
  ) {
    this.#ticketKeys = ticketKeys;
    this.#options = {
      cert: certificate.cert,
      key: certificate.key,
      ...(authorities === null ? {} : { ca: authorities.ca }),
      ...(authorities === null || authorities.crl.length === 0 ? {} : { crl: [...authorities.crl] }),
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      sessionTimeout: TICKET_LIFETIME,
    };
    const pair = this.#pair('quayside', ticketKeys);
    this.#shared = shareContexts && isBindable(pair.control) && isBindable(pair.data) ? pair : null;
  }

  /** The context for the next TLSSocket of this session, to be made before anything else runs. */
  contextFor(kind: 'control' | 'data', binding: TicketBinding): SecureContext {
    if (this.#shared !== null) {
      const context = this.#shared[kind];
      (context.context as NativeContext).setSessionIdContext!(binding.id);
      return context;
    }
    let own = this.#ofSession.get(binding);
    if (own === undefined) {
      own = this.#pair(binding.id, binding.ticketKeys);
      this.#ofSession.set(binding, own);
    }
    return own[kind];
  }

  /** Whether a session that these contexts resume for this control session is in the ticket. */
  isTicketOf(binding: TicketBinding, ticket: Buffer): boolean {
    return sessionIdContextOf(ticket, this.#shared === null ? binding.ticketKeys : this.#ticketKeys) === binding.id;
  }

  #pair(sessionIdContext: string, ticketKeys: Buffer): { control: SecureContext; data: SecureContext } {
    const options = { ...this.#options, sessionIdContext, ticketKeys };
    const [control, data] = [createSecureContext(options), createSecureContext(options)];
    // Data connections send none: who uses a ticket only once cannot resume all of them with two either.
    limitTickets(control, 1);
    // A client that never reads its upload connection would leave them unread, and its close become a RST that loses data.
    limitTickets(data, 0);
    return { control, data };
  }
}

function isBindable(context: SecureContext): boolean {
  return typeof (context.context as NativeContext | undefined)?.setSessionIdContext === 'function';
}

let bindings = 0;

/**
 * What ties data connections to their control connection; `id` has at most 32 bytes (OpenSSL's limit). It need only
 * differ from all others of the process: it is inside tickets, which nobody else can make.
 */
export class TicketBinding {
  readonly id = `session ${(bindings++).toString(36)}`;
  #ticketKeys: Buffer | null = null;

  /** For contexts of this session alone; made on first use. */
  get ticketKeys(): Buffer {
    this.#ticketKeys ??= newTicketKeys();
    return this.#ticketKeys;
  }
}

/** Random keys in the form that createSecureContext takes. */
export function newTicketKeys(): Buffer {
  return randomBytes(48);
}
