import type { ApiRequest, ApiResponse } from './exchange.js';

/** Answers hold secrets and change all the time: nothing may cache, sniff, frame or refer to them. */
export function securityHeaders(request: ApiRequest, response: ApiResponse, next: () => void): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('X-Frame-Options', 'DENY');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Content-Security-Policy', request.path.startsWith('/docs') ? DOCS_POLICY : "default-src 'none'");
  if (!request.path.startsWith('/docs')) response.setHeader('Cache-Control', 'no-store');
  next();
}

/** Swagger UI has inline styles and data: images; all of it comes from this server. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";
