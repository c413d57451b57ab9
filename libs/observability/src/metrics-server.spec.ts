import { afterEach, describe, expect, it } from '@jest/globals';
import { createMetrics } from './metrics.js';
import { MetricsServer } from './metrics-server.js';

let server: MetricsServer;
afterEach(() => server.stop());

describe('MetricsServer', () => {
  it('serves the metrics as they are when they are read, and nothing else', async () => {
    const metrics = createMetrics({ app: 'test' });
    let reads = 0;
    const refresh = async (): Promise<void> => metrics.webhooksPending.set(++reads);
    server = new MetricsServer({ host: '127.0.0.1', port: 0, metrics, refresh });
    const url = `http://127.0.0.1:${await server.start()}`;
    await fetch(`${url}/metrics`);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain('quayside_webhooks_pending{app="test"} 2');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    expect((await fetch(`${url}/other`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
  });
});
