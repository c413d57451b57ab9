import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SpaceRemoval } from './space-removal.js';

const nothing = (): void => undefined;

describe('SpaceRemoval', () => {
  let root: string;
  let marked: { id: string; root: string }[];
  let warnings: number;
  const log = { debug: nothing, info: nothing, error: nothing, warn: () => (warnings += 1) };
  const spaces = {
    listRemoved: (limit: number) => Promise.resolve(marked.slice(0, limit)),
    forgetRemoved: (id: string) => {
      marked = marked.filter((space) => space.id !== id);
      return Promise.resolve();
    },
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'quayside-removal-'));
    warnings = 0;
    for (const folder of ['t1/s1/files/a', 't1/s2/files']) mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, 't1/s1/files/a/x'), 'x');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('deletes the folders of marked spaces and no other', async () => {
    marked = [{ id: 's1', root: 't1/s1' }];
    await new SpaceRemoval(spaces, root, log).run();
    expect(existsSync(join(root, 't1/s1'))).toBe(false);
    expect(existsSync(join(root, 't1/s2'))).toBe(true);
    expect(marked).toEqual([]);
  });

  it('removes more spaces than one look finds', async () => {
    marked = Array.from({ length: 45 }, (_, n) => ({ id: `m${n}`, root: `t1/m${n}` }));
    await new SpaceRemoval(spaces, root, log).run();
    expect(marked).toEqual([]);
  });

  it.each(['', '.', '..', '../elsewhere', 't1/../..'])('never deletes outside a space: %j', async (bad) => {
    marked = [{ id: 'bad', root: bad }];
    await new SpaceRemoval(spaces, root, log).run();
    expect(existsSync(join(root, 't1/s2'))).toBe(true);
    expect(warnings).toBe(1);
    expect(marked).toHaveLength(1);
  });
});
