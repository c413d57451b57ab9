import type { Metrics } from '@quayside/observability';
import type { ApiRequest, ApiResponse } from '../http/exchange.js';

export const METRICS = Symbol('Metrics');

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts and times every request; labels come from fixed sets, whatever clients send. */
export function measureRequests(metrics: Metrics) {
  return (request: ApiRequest, response: ApiResponse, next: () => void): void => {
    const stop = metrics.httpRequestSeconds.startTimer();
    response.once('close', () => {
      stop({
        method: METHODS.has(request.method) ? request.method : 'other',
        status: `${Math.floor(response.statusCode / 100)}xx`,
      });
    });
    next();
  };
}
