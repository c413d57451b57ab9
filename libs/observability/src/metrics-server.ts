import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './metrics.js';

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** Reads what is only known when asked for; must settle soon and not reject. */
  readonly refresh?: () => Promise<void>;
}

/** `/metrics` and `/health/live` of a process that has no HTTP server of its own. */
export class MetricsServer {
  private readonly server: Server;

  constructor(private readonly options: MetricsServerOptions) {
    this.server = createServer((request, response) => {
      const path = request.url?.split('?', 1)[0];
      if (request.method !== 'GET' || (path !== '/metrics' && path !== '/health/live')) {
        response.writeHead(404).end();
        return;
      }
      if (path === '/health/live') {
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
        return;
      }
      this.render().then(
        (text) => response.writeHead(200, { 'content-type': options.metrics.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    this.server.requestTimeout = 10_000;
    this.server.keepAliveTimeout = 30_000;
  }

  /** Resolves to the port, which the system chooses where 0 was asked for. */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.options.port, this.options.host, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async render(): Promise<string> {
    await this.options.refresh?.();
    return this.options.metrics.text();
  }
}
