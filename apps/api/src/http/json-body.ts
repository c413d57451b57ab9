import { DomainError } from '@quayside/domain';
import type { ApiRequest, ApiResponse } from './exchange.js';

export const MAX_BODY_BYTES = 1024 * 1024;
export const JSON_TYPES = ['application/json', 'application/merge-patch+json'];

type Next = (error?: unknown) => void;

/** No text in the database holds NUL, so an address with one names nothing and is refused before it is looked up. */
export function refuseNul(request: ApiRequest, _response: ApiResponse, next: Next): void {
  next(
    /%00/.test(request.originalUrl)
      ? new DomainError('request.invalid', { detail: 'The address contains NUL' })
      : undefined,
  );
}

/** Refuses bodies that are not JSON with 415; JSON merge patch only where there is something to patch. */
export function requireJson(request: ApiRequest, _response: ApiResponse, next: Next): void {
  next(hasBody(request) && !isJson(request) ? new DomainError('request.unsupported-media-type') : undefined);
}

/** Where a request has no body, handlers validate an empty object: each missing field is then named. */
export function defaultBody(request: ApiRequest, _response: ApiResponse, next: Next): void {
  if (!hasBody(request)) request.body = {};
  next();
}

/** The body parser's errors, told apart by their `type`, as rows of the error table. */
export function bodyFault(error: unknown, _request: ApiRequest, _response: ApiResponse, next: Next): void {
  next(asBodyError(error));
}

function asBodyError(error: unknown): unknown {
  switch ((error as { type?: unknown } | null)?.type) {
    case 'entity.parse.failed':
      return new DomainError('request.malformed', { cause: error });
    case 'entity.too.large':
      return new DomainError('request.too-large', { detail: `The limit is ${MAX_BODY_BYTES} bytes`, cause: error });
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new DomainError('request.unsupported-media-type', { detail: 'Send UTF-8', cause: error });
    case 'request.aborted':
    case 'request.size.invalid':
      return new DomainError('request.malformed', { detail: 'The body ended early', cause: error });
    default:
      return error;
  }
}

function hasBody(request: ApiRequest): boolean {
  if (request.headers['transfer-encoding'] !== undefined) return true;
  const length = request.headers['content-length'];
  return length !== undefined && length !== '0';
}

function isJson(request: ApiRequest): boolean {
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  return type === 'application/json' || (request.method === 'PATCH' && type === 'application/merge-patch+json');
}
