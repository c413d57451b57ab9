import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { newId, parsePath } from '@quayside/domain';
import { hasNativeFolder, type NativeUse } from '@quayside/native';
import { LocalBackend } from './local-backend.js';
import { SeenFolders } from './seen-folders.js';

const WAYS: readonly NativeUse[] = hasNativeFolder() ? ['auto', 'off'] : ['off'];
const FOLDER = parsePath('/folder');
const FREE = parsePath('/folder/free');

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the folders seen a moment ago', () => {
  it('are trusted for a second', () => {
    const seen = new SeenFolders();
    const now = jest.spyOn(performance, 'now').mockReturnValue(5000);
    seen.add('folder');
    now.mockReturnValue(5999);
    expect(seen.has('folder')).toBe(true);
    expect(seen.has('other')).toBe(false);
    now.mockReturnValue(6000);
    expect(seen.has('folder')).toBe(false);
  });

  it('are forgotten by every root of the process when a folder goes', () => {
    const [one, other] = [new SeenFolders(), new SeenFolders()];
    one.add('a/folder');
    other.add('folder');
    SeenFolders.forgetAll();
    expect([one.has('a/folder'), other.has('folder')]).toEqual([false, false]);
    one.add('b');
    expect([one.has('a/folder'), one.has('b')]).toEqual([false, true]);
  });

  it('stay few', () => {
    const seen = new SeenFolders();
    for (let count = 0; count < 1000; count++) seen.add(`folder${count}`);
    const kept = Array.from({ length: 1000 }, (_, count) => seen.has(`folder${count}`)).filter(Boolean);
    expect(kept.length).toBeLessThanOrEqual(256);
    expect(seen.has('folder999')).toBe(true);
  });
});

describe.each(WAYS)('a look at a free name (native %s)', (native) => {
  let base: string;
  let space: LocalBackend;
  let inner: LocalBackend;

  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), 'quayside-seen-'));
    space = LocalBackend.open({ folder: join(base, 'space'), native });
    inner = space.enter(parsePath('/inner'));
    await inner.makeDirectory(FOLDER);
    expect(inner.statSync(FREE)).toBeNull();
  });
  afterEach(() => {
    inner.close();
    space.close();
    rmSync(base, { recursive: true, force: true });
  });

  const refused = expect.objectContaining({ code: 'path.not-found' });

  it('misses the folder at once when another root of the space removed it', async () => {
    await space.removeDirectory(parsePath('/inner/folder'));
    expect(() => inner.statSync(FREE)).toThrow(refused);
  });

  it('misses the folder at once when it was renamed, or a folder above it', async () => {
    await inner.rename(FOLDER, parsePath('/elsewhere'), { replaceId: null });
    expect(() => inner.statSync(FREE)).toThrow(refused);
    await space.makeDirectory(parsePath('/inner/folder'));
    expect(inner.statSync(FREE)).toBeNull();
    await space.rename(parsePath('/inner'), parsePath('/outer'), { replaceId: null });
    expect(() => space.statSync(parsePath('/inner/folder/free'))).toThrow(refused);
  });

  it('misses the folder at once when it went into another tree', async () => {
    const other = LocalBackend.open({ folder: join(base, 'other'), native });
    const moved = await inner.moveInto(FOLDER, other, FOLDER, { id: newId(), replace: false, admits: () => true });
    await moved.finish();
    expect(() => inner.statSync(FREE)).toThrow(refused);
    other.close();
  });

  it('lets an upload fail at its publish, with its bytes kept, where another process took the folder away', async () => {
    const target = { path: FREE, accountId: 'a', transferId: newId() };
    renameSync(join(base, 'space/files/inner/folder'), join(base, 'space/files/inner/elsewhere'));
    const writer = await inner.openWrite(target, { mode: 'staged', intent: 'replace', start: 0, looked: true });
    writer.writeSync?.(Buffer.from('bytes'));
    await writer.seal({ sync: false });
    await expect(writer.publish()).rejects.toMatchObject({ code: 'path.not-found' });
    expect(await writer.abandon({ keep: true })).toMatchObject({ keptBytes: 5 });
  });
});
