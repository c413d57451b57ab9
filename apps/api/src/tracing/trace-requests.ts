import type { Traces } from '@quayside/observability';
import { type ApiRequest, type ApiResponse, headerOf } from '../http/exchange.js';

/** Set by Express where a route took the request. */
interface Routed {
  readonly route?: { readonly path?: unknown };
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** A span for each request, in the caller's trace where it names one. Of the address only the route's template is told. */
export function traceRequests(traces: Traces) {
  return (request: ApiRequest, response: ApiResponse, next: () => void): void => {
    const startMs = Date.now();
    response.once('close', () => {
      const template = (request as Routed).route?.path;
      const route = typeof template === 'string' ? template : undefined;
      const method = METHODS.has(request.method) ? request.method : '_OTHER';
      const status = response.statusCode;
      traces.record({
        name: route === undefined ? method : `${method} ${route}`,
        kind: 'server',
        startMs,
        endMs: Date.now(),
        attributes: {
          'http.request.method': method,
          'http.route': route,
          'http.response.status_code': status,
          'tenant.id': request.tenant?.id,
        },
        error: outcome(response, status),
        place: { traceparent: headerOf(request, 'traceparent') },
      });
    });
    next();
  };
}

/** Refusals of the caller's own making are no errors of the server. */
function outcome(response: ApiResponse, status: number): string | undefined {
  if (!response.writableFinished) return 'aborted';
  return status >= 500 ? String(status) : undefined;
}
