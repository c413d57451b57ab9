import { describe, expect, it } from '@jest/globals';
import { mergeMetrics, processMetrics } from './merge-metrics.js';
import { createMetrics } from './metrics.js';

describe('mergeMetrics', () => {
  it('puts the samples of a family together under one head', async () => {
    const one = createMetrics({ app: 'ftp-worker', worker: '0' });
    const two = createMetrics({ app: 'ftp-worker', worker: '1' });
    two.ftpSessions.set(2);
    const merged = mergeMetrics([await one.text(), await two.text(), processMetrics([])]);
    expect(merged.match(/^# HELP quayside_ftp_sessions /gm)).toHaveLength(1);
    expect(merged.match(/^# TYPE quayside_ftp_sessions /gm)).toHaveLength(1);
    expect(merged).toContain(
      'quayside_ftp_sessions{app="ftp-worker",worker="0"} 0\nquayside_ftp_sessions{app="ftp-worker",worker="1"} 2\n',
    );
    const heads = [...merged.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name);
    expect(new Set(heads).size).toBe(heads.length);
  });

  it('shows a child that does not serve', () => {
    const text = processMetrics([{ role: 'ftp-worker-1', state: 'waiting', restarts: 3 }]);
    expect(text).toContain('quayside_process_up{process="ftp-worker-1"} 0');
    expect(text).toContain('quayside_process_restarts_total{process="ftp-worker-1"} 3');
  });
});
