import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lockDataDir } from './data-lock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('lockDataDir', () => {
  it('lets one in and tells the other who it is', () => {
    const lock = lockDataDir(folder);
    expect(() => lockDataDir(folder)).toThrow(`already running (pid ${process.pid}) with the data folder ${folder}`);
    lock.release();
    lockDataDir(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes over from a process that is gone', () => {
    writeFileSync(join(folder, 'running.pid'), JSON.stringify({ pid: 2 ** 22 + 1, began: '1' }));
    const lock = lockDataDir(folder);
    expect(JSON.parse(readFileSync(join(folder, 'running.pid'), 'utf8'))).toMatchObject({ pid: process.pid });
    lock.release();
  });

  it('is not fooled by another process with the same pid', () => {
    writeFileSync(join(folder, 'running.pid'), JSON.stringify({ pid: process.pid, began: '1' }));
    expect(() => lockDataDir(folder).release()).not.toThrow();
  });

  it('does not take away the lock of a successor', () => {
    const lock = lockDataDir(folder);
    const successor = JSON.stringify({ pid: process.pid, began: 'later' });
    writeFileSync(join(folder, 'running.pid'), successor);
    lock.release();
    expect(readFileSync(join(folder, 'running.pid'), 'utf8')).toBe(successor);
  });
});
