import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Metrics } from '@quayside/observability';
import { AppModule } from './app.module.js';
import { bodyFault, defaultBody, JSON_TYPES, MAX_BODY_BYTES, refuseNul, requireJson } from './http/json-body.js';
import type { RouteTable } from './http/allowed-methods.js';
import { ProblemFilter } from './http/problem.filter.js';
import { securityHeaders } from './http/security-headers.js';
import { measureRequests, METRICS } from './metrics/metrics.js';
import { traceRequests } from './tracing/trace-requests.js';
import { serveOpenApi } from './openapi.js';
import type { ApiSettings } from './settings.js';

/** The whole API, ready to listen. */
export async function createApp(settings: ApiSettings, logger: LoggerService | false): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(settings), {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  app.disable('x-powered-by');
  // ETags are versions of resources; Express would make its own from the bytes of the answer.
  app.disable('etag');
  app.set('query parser', 'simple');
  app.useGlobalFilters(new ProblemFilter(() => (app.getHttpAdapter().getInstance() as { router: RouteTable }).router));
  if (settings.traces) app.use(traceRequests(settings.traces));
  app.use(measureRequests(app.get<Metrics>(METRICS)), securityHeaders, refuseNul, requireJson);
  app.useBodyParser('json', { limit: MAX_BODY_BYTES, type: JSON_TYPES, strict: false, inflate: false });
  app.use(bodyFault, defaultBody);
  serveOpenApi(app);
  return app;
}
