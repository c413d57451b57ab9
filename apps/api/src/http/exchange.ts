import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor } from '../auth/actor.js';
import type { TenantRef } from '@quayside/database';

/** The parts of Express' request that the API reads, and what its guard adds. */
export interface ApiRequest extends IncomingMessage {
  readonly method: string;
  readonly originalUrl: string;
  readonly path: string;
  readonly ip?: string;
  readonly params: Readonly<Record<string, string | undefined>>;
  body: unknown;
  /** Set by the access guard on every route that is not public. */
  actor?: Actor;
  /** Set by the access guard where the route has a `{tenant}` parameter. */
  tenant?: TenantRef;
}

/** The parts of Express' response that the API uses. */
export interface ApiResponse extends ServerResponse {
  status(code: number): this;
  json(body: unknown): this;
}

/** A header as one string; repeated headers are joined as RFC 9110 §5.2 says. */
export function headerOf(request: ApiRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Address of the caller, for the audit log. */
export function addressOf(request: ApiRequest): string {
  return (request.ip ?? request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}
