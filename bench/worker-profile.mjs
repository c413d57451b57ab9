// Preloaded into the processes of an installation that is profiled: the FTP worker records its CPU profile from start to
// end (`--cpu-prof` cannot be passed through NODE_OPTIONS).
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const SAMPLE_US = 200;
const folder = process.env['QUAYSIDE_BENCH_PROFILES'];

if (folder !== undefined && process.argv[1]?.endsWith('worker-process.js')) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  session.post('Profiler.start');
  process.on('exit', () => {
    // In-process sessions answer at once.
    session.post('Profiler.stop', (error, result) => {
      if (error !== null) return;
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `ftp-worker-${process.pid}.cpuprofile`), JSON.stringify(result.profile));
    });
  });
}
