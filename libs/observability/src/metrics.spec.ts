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

  it('keeps two processes in one test apart', async () => {
    const [one, two] = [createMetrics({ app: 'api' }), createMetrics({ app: 'api' })];
    one.ftpSessions.set(5);
    expect(await two.text()).toContain('quayside_ftp_sessions{app="api"} 0');
  });

  it('names every family in the project way', async () => {
    const own = (await createMetrics({ app: 'api' }).registry.getMetricsAsJSON())
      .map(({ name }) => name)
      .filter((name) => !/^(process|nodejs)_/.test(name));
    for (const name of own) expect(name).toMatch(/^quayside_[a-z_]+$/);
  });
});
