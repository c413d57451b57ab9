import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { hasNativeFolder, type NativeUse, openRootedFolder, type RootedFolder } from './index.js';

const WAYS: readonly NativeUse[] = hasNativeFolder() ? ['auto', 'off'] : ['off'];

describe.each(WAYS)('a rooted folder (native %s)', (native) => {
  let base: string;
  let root: RootedFolder;

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'quayside-rooted-'));
    mkdirSync(join(base, 'root/folder'), { recursive: true });
    mkdirSync(join(base, 'outside'));
    writeFileSync(join(base, 'root/folder/file'), 'twelve bytes');
    writeFileSync(join(base, 'outside/secret'), 'secret');
    root = openRootedFolder(join(base, 'root'), native);
  });
  afterEach(() => {
    root.close();
    rmSync(base, { recursive: true, force: true });
  });

  it('tells a free name from a missing folder', () => {
    expect(root.facts('free')).toBeNull();
    expect(root.facts('folder/free')).toBeNull();
    expect(() => root.facts('nowhere/free')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => root.facts('folder/file/free')).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
  });

  it('tells of what is there, seen before or not', () => {
    for (const seen of [false, true]) {
      expect(root.facts('folder/free', seen)).toBeNull();
      expect(root.facts('folder/file', seen)).toMatchObject({ kind: 'file', size: 12 });
      expect(root.facts('folder', seen)).toMatchObject({ kind: 'directory' });
      expect(root.facts('', seen)).toMatchObject({ kind: 'directory' });
    }
  });

  it('tells of a symlink itself, and of nothing behind one that leads out', () => {
    symlinkSync(join(base, 'outside'), join(base, 'root/link'));
    symlinkSync('../../outside/secret', join(base, 'root/folder/link'));
    expect(root.facts('folder/link')).toMatchObject({ kind: 'symlink' });
    for (const seen of [false, true]) {
      for (const path of ['link/secret', 'link/free']) {
        expect(() => root.facts(path, seen)).toThrow(/EXDEV|ENOTDIR/);
      }
    }
  });

  it('says of an open file what Node says, exactly', () => {
    utimesSync(join(base, 'root/folder/file'), new Date(5000), new Date(-1500));
    const fd = openSync(join(base, 'root/folder/file'), 'r');
    try {
      const { dev, ino, birthtimeNs, mode, nlink } = fstatSync(fd, { bigint: true });
      const facts = {
        kind: 'file',
        size: 12,
        modifiedMs: -1500,
        mode: Number(mode) & 0o7777,
        device: Number(dev),
        inode: Number(ino),
        links: Number(nlink),
      };
      expect(root.factsOfOpen(fd)).toEqual(facts);
      expect(root.facts('folder/file')).toEqual(facts);
      expect(root.identityOf(fd)).toEqual({ facts, identity: `${dev}.${ino}.${birthtimeNs}` });
    } finally {
      closeSync(fd);
    }
  });
});
