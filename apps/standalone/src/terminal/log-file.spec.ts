import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Console } from './console.js';
import { LogFile } from './log-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('LogFile', () => {
  it('stays within its size and number of files, the newest lines first', () => {
    const log = new LogFile(join(folder, 'logs/quayside.log'), 100, 2);
    for (let number = 0; number < 50; number += 1) log.write(`line ${number} ${'x'.repeat(20)}`);
    log.close();
    expect(readdirSync(join(folder, 'logs')).toSorted()).toEqual(['quayside.log', 'quayside.log.1', 'quayside.log.2']);
    for (const name of readdirSync(join(folder, 'logs'))) {
      expect(statSync(join(folder, 'logs', name)).size).toBeLessThanOrEqual(100);
    }
    expect(readFileSync(join(folder, 'logs/quayside.log'), 'utf8')).toContain('line 49');
  });

  it('goes on where an earlier run ended', () => {
    const path = join(folder, 'quayside.log');
    for (const line of ['one', 'two']) {
      const log = new LogFile(path);
      log.write(line);
      log.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  });
});

function consoleOf(): { console: Console; shown: () => string; logged: () => string } {
  const path = join(folder, 'quayside.log');
  const shown: string[] = [];
  const console = new Console(
    new LogFile(path),
    (text) => shown.push(text),
    () => new Date(0),
  );
  return { console, shown: () => shown.join(''), logged: () => readFileSync(path, 'utf8') };
}

describe('Console', () => {
  it('keeps everything in the file and shows only what a person has to know', () => {
    const { console, shown, logged } = consoleOf();
    console.childLine('api', '{"level":"info","msg":"listening"}');
    console.childLine('api', '{"level":"error","msg":"failed","error":{"message":"no disk"}}');
    expect(shown()).toMatch(/^\d\d:\d\d:\d\d ERROR api: failed: no disk\n$/);
    expect(logged().split('\n')).toHaveLength(3);
  });

  it('shows the raw words of a crash, without passwords', () => {
    const { console, shown, logged } = consoleOf();
    console.childLine('api', 'Error: connect postgresql://quayside:hunter2@db/x');
    for (const text of [shown(), logged()]) {
      expect(text).toContain('Error: connect');
      expect(text).not.toContain('hunter2');
    }
  });

  it('does not alarm anybody with what PostgreSQL says about statements and shutdowns', () => {
    const { console, shown, logged } = consoleOf();
    console.postgresLine('ERROR:  duplicate key value');
    console.postgresLine('FATAL:  terminating connection due to administrator command');
    console.postgresLine('2026-01-01 00:00:00.000 GMT [12] PANIC:  could not write');
    expect(shown().match(/postgres/g)).toHaveLength(1);
    expect(shown()).toContain('PANIC');
    expect(logged().split('\n')).toHaveLength(4);
  });
});
