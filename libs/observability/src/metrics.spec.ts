import { describe, expect, it } from '@jest/globals';
import { createMetrics } from './metrics.js';

describe('createMetrics', () => {
  it('prints families of the table and of Node as Prometheus text', async () => {
    const metrics = createMetrics({ app: 'ftp-worker', worker: '1' });
    metrics.ftpLoginsTotal.inc({ result: 'refused' });
    metrics.ftpSessions.set(3);
    const text = await metrics.text();
    expect(text).toContain('quayside_ftp_logins_total{result="refused",app="ftp-worker",worker="1"} 1');
    expect(text).toContain('quayside_ftp_sessions{app="ftp-worker",worker="1"} 3');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });

  it('prints for a process only what it counts', async () => {
    const text = await createMetrics({ app: 'api' }).text();
    expect(text).toContain('quayside_http_request_seconds');
    expect(text).not.toMatch(/quayside_(?:spool|ftp|webhook|event)/);
  });

  it('keeps two processes in one test apart', async () => {
    const [one, two] = [createMetrics({ app: 'ftp-worker' }), createMetrics({ app: 'ftp-worker' })];
    one.ftpSessions.set(5);
    expect(await two.text()).toContain('quayside_ftp_sessions{app="ftp-worker"} 0');
  });

  it('names every family in the project way', async () => {
    const own = (await createMetrics({ app: 'test' }).registry.getMetricsAsJSON())
      .map(({ name }) => name)
      .filter((name) => !/^(process|nodejs)_/.test(name));
    for (const name of own) expect(name).toMatch(/^quayside_[a-z_]+$/);
  });
});
