import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DomainError, newId, parsePath } from '@quayside/domain';
import { hasNativeFolder, type NativeUse } from '@quayside/native';
import { encodeName } from '../names.js';
import type { Entry } from '../storage-backend.js';
import { LocalBackend } from './local-backend.js';

const WAYS: readonly NativeUse[] = hasNativeFolder() ? ['auto', 'off'] : ['off'];

describe.each(WAYS)('a local space (native %s)', (native) => {
  let folder: string;
  let files: string;
  let backend: LocalBackend;

  beforeEach(async () => {
    const base = mkdtempSync(join(tmpdir(), 'quayside-containment-'));
    folder = base;
    mkdirSync(join(base, 'outside'));
    writeFileSync(join(base, 'outside/secret'), 'secret');
    backend = LocalBackend.open({ folder: join(base, 'space'), native });
    files = join(base, 'space/files');
    await backend.stat(parsePath('/'));
  });
  afterEach(() => {
    backend.close();
    rmSync(folder, { recursive: true, force: true });
  });

  // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
  const target = (path: string) => ({ path: parsePath(path), accountId: 'a', transferId: newId() });

  async function entries(): Promise<Entry[]> {
    const all: Entry[] = [];
    for await (const page of backend.list(parsePath('/'), {})) all.push(...page);
    return all;
  }

  it.each([
    ['absolute', () => join(folder, 'outside')],
    ['relative', () => '../../outside'],
    ['through a folder and up again', () => 'dir/../../../outside'],
  ])('does not follow a symlink that leads out (%s)', async (_, leadsTo) => {
    mkdirSync(join(files, 'dir'));
    symlinkSync(leadsTo(), join(files, 'link'));
    symlinkSync(`${leadsTo()}/secret`, join(files, 'file'));
    const through = parsePath('/link/secret');
    await expect(backend.openRead(parsePath('/file'))).rejects.toMatchObject({ code: 'path.not-regular' });
    await expect(backend.openRead(through)).rejects.toBeInstanceOf(DomainError);
    await expect(backend.stat(through)).rejects.toBeInstanceOf(DomainError);
    await expect(backend.detach(through, newId())).rejects.toBeInstanceOf(DomainError);
    await expect(backend.rename(through, parsePath('/mine'), { replaceId: null })).rejects.toBeInstanceOf(DomainError);
    await expect(backend.makeDirectory(parsePath('/link/new'))).rejects.toBeInstanceOf(DomainError);
    for (const path of ['/link/new', '/file'])
      for (const mode of ['staged', 'direct'] as const) {
        await expect(backend.openWrite(target(path), { mode, intent: 'replace', start: 0 })).rejects.toBeInstanceOf(
          DomainError,
        );
      }
    await expect(backend.setMode(parsePath('/file'), 0o777)).rejects.toMatchObject({ code: 'path.not-regular' });
    expect((await entries()).map(({ name, kind }) => `${name} ${kind}`).toSorted()).toEqual([
      'dir directory',
      'file other',
      'link other',
    ]);
    expect(readdirSync(join(folder, 'outside'))).toEqual(['secret']);
  });

  it('never reads the outside while a folder is swapped for a symlink again and again', async () => {
    mkdirSync(join(files, 'real'));
    writeFileSync(join(files, 'real/secret'), 'inside');
    symlinkSync(join(folder, 'outside'), join(files, 'trap'));
    renameSync(join(files, 'real'), join(files, 'name'));
    const swapper = 'for i in $(seq 60); do mv -T name real; mv -T trap name; mv -T name trap; mv -T real name; done';
    const child = spawn('sh', ['-c', swapper], { cwd: files, stdio: 'ignore' });
    while (child.exitCode === null) {
      for (let attempt = 0; attempt < 50; attempt++) {
        const file = await backend.openRead(parsePath('/name/secret')).catch(() => null);
        if (file === null) continue;
        const buffer = Buffer.alloc(6);
        file.readSync?.(buffer, 0, 6, 0);
        await file.close();
        expect(buffer.toString()).toBe('inside');
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it('never waits for or reads a FIFO', async () => {
    execFileSync('mkfifo', [join(files, 'fifo')]);
    const path = parsePath('/fifo');
    const refused = { code: 'path.not-regular' };
    expect(await backend.stat(path)).toMatchObject({ kind: 'other' });
    await expect(backend.openRead(path)).rejects.toMatchObject(refused);
    await expect(backend.detach(path, newId())).rejects.toMatchObject(refused);
    for (const mode of ['staged', 'direct'] as const) {
      await expect(backend.openWrite(target('/fifo'), { mode, intent: 'append', start: 0 })).rejects.toMatchObject(
        refused,
      );
    }
  });

  it('lists, reads, renames and removes names that are not UTF-8', async () => {
    const raw = Buffer.from([0x67, 0x72, 0xfc, 0xdf, 0x65]);
    writeFileSync(Buffer.concat([Buffer.from(`${files}/`), raw]), 'latin1');
    const [entry] = await entries();
    expect(entry).toMatchObject({ name: encodeName(raw), size: 6 });
    const path = parsePath(`/${entry!.name}`);
    const file = await backend.openRead(path);
    expect(file.entry).toEqual(entry);
    await file.close();
    await backend.rename(path, parsePath(`/x${entry!.name}`), { replaceId: null });
    const [renamed] = readdirSync(files, { encoding: 'buffer' });
    expect(renamed).toEqual(Buffer.concat([Buffer.from('x'), raw]));
    await (await backend.detach(parsePath(`/x${entry!.name}`), newId())).finish();
    expect(await entries()).toEqual([]);
  });
});
