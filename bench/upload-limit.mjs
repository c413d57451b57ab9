// What a program in C that does nothing else reaches with uploads in clear on one core: the limit of the rows "STOR plain"
// with and without receipts. Interleaved rounds, median with least and greatest. Usage: node bench/upload-limit.mjs [rounds]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { compileClient } from './load-client.mjs';
import { median } from './summary.mjs';

const ROUNDS = Number(process.argv[2] ?? 5);
const MIB = '1024';
const WAYS = { read: 'receive and write', hash: 'receive, SHA-256 and write', splice: 'splice' };

const folder = mkdtempSync('/dev/shm/quayside-limit-');
try {
  const program = compileClient(folder, 'upload-limit');
  const results = new Map(Object.keys(WAYS).map((way) => [way, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [way, runs] of results) {
      runs.push(JSON.parse(execFileSync(program, [folder, MIB, way], { timeout: 60_000 }).toString()));
    }
  }
  for (const [way, runs] of results) {
    const rates = runs.map(({ mbPerSecond }) => mbPerSecond);
    const cost = median(runs.map(({ cpuSecondsPerGib }) => cpuSecondsPerGib)).toFixed(2);
    const spread = `${Math.min(...rates)}-${Math.max(...rates)}`;
    console.log(`${WAYS[way].padEnd(28)} ${median(rates)} MB/s (${spread}), ${cost} s/GiB`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
