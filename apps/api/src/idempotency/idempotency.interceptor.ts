import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type IdempotencyClaim, type IdempotencyRecord, IdempotencyRepository } from '@quayside/database';
import { DomainError, toProblem } from '@quayside/domain';
import { catchError, concatMap, from, type Observable, of } from 'rxjs';
import type { Actor } from '../auth/actor.js';
import { canonicalJson } from '../http/cursor.js';
import { type ApiRequest, type ApiResponse, headerOf } from '../http/exchange.js';
import { fingerprintRequest, openResponse, sealResponse, type StoredResponse } from './response-seal.js';

/** Printable ASCII: keys stand in headers and logs. */
const KEY = /^[\x20-\x7e]{1,255}$/;
const STORED_HEADERS = ['location', 'etag', 'content-type'];

/**
 * Idempotency-Key on every POST: the request is done once, and repeated requests get the first answer. It is the
 * outermost interceptor, so that what it stores is what was sent.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly keys: IdempotencyRepository) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<ApiRequest>();
    const response = context.switchToHttp().getResponse<ApiResponse>();
    const key = headerOf(request, 'idempotency-key');
    const { actor } = request;
    if (request.method !== 'POST' || key === undefined || actor === undefined) return next.handle();
    if (!KEY.test(key)) throw invalidKey();

    const hash = fingerprintRequest(actor.token, [request.method, request.originalUrl, canonicalJson(request.body)]);
    const outcome = await this.keys.claim(actor.apiKeyId, key, hash);
    if (outcome.claimed === null) return of(replay(outcome.present, hash, actor, key, response));
    const claim = outcome.claimed;
    return next.handle().pipe(
      concatMap((body: unknown) => from(this.#store(claim, actor, response, body))),
      catchError((error: unknown) => from(this.#settleFailure(claim, actor, error))),
    );
  }

  async #store(claim: IdempotencyClaim, actor: Actor, response: ApiResponse, body: unknown): Promise<unknown> {
    const stored = { status: response.statusCode, headers: storedHeaders(response), body };
    await this.keys.complete(claim, stored.status, sealResponse(actor.token, claim.key, stored));
    return body;
  }

  /**
   * A refusal is an outcome and is stored. What failed on our side is not, and neither is what never ran (bad input):
   * there the caller may correct the request and use the key again.
   */
  async #settleFailure(claim: IdempotencyClaim, actor: Actor, error: unknown): Promise<never> {
    const problem = toProblem(error);
    if (problem.status < 500 && problem.status !== 400 && problem.status !== 429) {
      const stored = { status: problem.status, headers: { 'content-type': 'application/problem+json' }, body: problem };
      await this.keys.complete(claim, problem.status, sealResponse(actor.token, claim.key, stored));
    } else {
      // The claim runs out by itself where the database cannot be reached.
      await this.keys.release(claim).catch(() => undefined);
    }
    throw error;
  }
}

function replay(present: IdempotencyRecord, hash: Buffer, actor: Actor, key: string, response: ApiResponse): unknown {
  if (!hash.equals(present.requestHash)) throw new DomainError('request.idempotency-conflict');
  if (present.status === null || present.response === null) throw new DomainError('request.idempotency-in-progress');
  const stored: StoredResponse = openResponse(actor.token, key, present.response);
  response.status(stored.status);
  for (const [name, value] of Object.entries(stored.headers)) response.setHeader(name, value);
  response.setHeader('Idempotency-Replayed', 'true');
  return stored.body;
}

function storedHeaders(response: ApiResponse): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of STORED_HEADERS) {
    const value = response.getHeader(name);
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}

function invalidKey(): DomainError {
  const message = 'must have 1 to 255 printable ASCII characters';
  return new DomainError('request.invalid', {
    detail: `Idempotency-Key ${message}`,
    faults: [{ field: 'Idempotency-Key', message }],
  });
}
