import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newId, parsePath } from '@quayside/domain';
import { LocalBackend } from './local-backend.js';

/** What is on the disk when the process dies in the middle of a move; the steps are those of Relocation. */
describe('a move into another space that was cut by a crash', () => {
  let folder: string;
  let one: LocalBackend;
  let two: LocalBackend;
  let id: string;
  const files = (space: string, name: string) => join(folder, space, 'files', name);
  const staged = (name: string) => join(folder, 'one/staging', `${id}.${name}`);
  const from = parsePath('/dir/file');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-move-'));
    for (const path of ['one/files/dir', 'one/staging', 'two/files', 'two/staging']) {
      mkdirSync(join(folder, path), { recursive: true });
    }
    one = LocalBackend.open({ folder: join(folder, 'one') });
    two = LocalBackend.open({ folder: join(folder, 'two') });
    id = newId();
    writeFileSync(files('one', 'dir/file'), 'hello');
  });
  afterEach(() => {
    one.close();
    two.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function leaveTree(): void {
    renameSync(files('one', 'dir/file'), staged('gone'));
  }

  function note(): void {
    const { dev, ino } = statSync(staged('gone'));
    writeFileSync(staged('arrival'), JSON.stringify({ bytes: 5, files: 1, device: dev, inode: ino }));
  }

  it('is undone where the object is in staging, noted or not', async () => {
    for (const noted of [false, true]) {
      leaveTree();
      if (noted) note();
      expect(await one.recoverMove(id, from)).toBeNull();
      expect(readFileSync(files('one', 'dir/file'), 'utf8')).toBe('hello');
      expect(readdirSync(join(folder, 'one/staging'))).toEqual([]);
    }
  });

  it('never loses the object where its old name was taken, or its folder removed', async () => {
    leaveTree();
    writeFileSync(files('one', 'dir/file'), 'another');
    expect(await one.recoverMove(id, from)).toBeNull();
    expect(readFileSync(files('one', `dir/file.${id}`), 'utf8')).toBe('hello');
    leaveTree();
    rmSync(files('one', 'dir'), { recursive: true });
    expect(await one.recoverMove(id, from)).toBeNull();
    expect(readFileSync(files('one', `file.${id}`), 'utf8')).toBe('another');
  });

  it('is complete where the object has arrived, wherever it went since', async () => {
    leaveTree();
    note();
    renameSync(staged('gone'), files('two', 'moved on'));
    const moved = await one.recoverMove(id, from);
    expect(moved).toMatchObject({ bytes: 5, files: 1, replacedBytes: null });
    await moved?.finish();
    expect(await one.recoverMove(id, from)).toBeNull();
    expect(existsSync(files('two', 'moved on'))).toBe(true);
  });

  it('tells what it replaced, also where names cannot be exchanged', async () => {
    leaveTree();
    note();
    renameSync(staged('gone'), files('two', 'file'));
    for (const kept of ['gone', 'old']) {
      writeFileSync(staged(kept), 'the old');
      expect(await one.recoverMove(id, from)).toMatchObject({ bytes: 5, files: 1, replacedBytes: 7 });
      rmSync(staged('gone'));
    }
    expect(await two.measure({})).toEqual({ bytes: 5, files: 1 });
  });
});
