import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import { DomainError, ERROR_CATALOG, type Problem, toProblem } from '@quayside/domain';
import { allowedMethods, type RouteTable } from './allowed-methods.js';
import type { ApiRequest, ApiResponse } from './exchange.js';

/** Seconds after which a caller may try a retryable 429 or 503 again. */
const RETRY_AFTER_SECONDS = 2;

/** Every throw of the API as a problem document (RFC 9457). What is not a DomainError is logged and hidden. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log = new Logger('Problem');
  readonly #routes: () => RouteTable;

  constructor(routes: () => RouteTable) {
    this.#routes = routes;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<ApiRequest>();
    const response = host.switchToHttp().getResponse<ApiResponse>();
    const error = this.#translate(thrown, request, response);
    const problem = toProblem(error);
    if (problem.status >= 500) this.#report(error, request);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="quayside"');
    if (problem.status === 429 || problem.status === 503) response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
    // The rest of a body that nobody will read must not be taken for the next request.
    if (problem.status === 413) response.setHeader('Connection', 'close');
    sendProblem(response, problem);
  }

  /** Nest's own exceptions: no route (404 or 405) and paths or bodies that its adapter cannot decode. */
  #translate(thrown: unknown, request: ApiRequest, response: ApiResponse): unknown {
    if (!(thrown instanceof HttpException)) return thrown;
    if (thrown.getStatus() === 404) {
      const methods = allowedMethods(this.#routes(), request.path);
      if (methods.length === 0) return new DomainError('request.unknown-route');
      response.setHeader('Allow', methods.join(', '));
      return new DomainError('request.method-not-allowed', { detail: `Allowed: ${methods.join(', ')}` });
    }
    if (thrown.getStatus() === 400) return new DomainError('request.invalid', { cause: thrown });
    return thrown;
  }

  #report(error: unknown, request: ApiRequest): void {
    const cause = error instanceof DomainError ? (error.cause ?? error) : error;
    // The query string stays out of the log: it may hold what people search for.
    const text = `${request.method} ${request.path}: ${cause instanceof Error ? cause.message : 'a value was thrown'}`;
    if (error instanceof DomainError && ERROR_CATALOG[error.code].retryable) this.#log.warn(text);
    else this.#log.error(text, cause instanceof Error ? cause.stack : undefined);
  }
}

export function sendProblem(response: ApiResponse, problem: Problem): void {
  response.status(problem.status);
  response.setHeader('Content-Type', 'application/problem+json');
  response.end(JSON.stringify(problem));
}
