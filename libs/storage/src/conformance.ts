import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { newId, parsePath, ROOT, type VirtualPath } from '@quayside/domain';
import type { Entry, OpenWriteOptions, StorageBackend, StorageWriter, UploadTarget } from './storage-backend.js';

/** One backend under test. */
export interface BackendFixture {
  readonly backend: StorageBackend;
  /** Another backend on the same medium, as a new process would open it. */
  reopen(): StorageBackend;
  /** An empty backend of the same kind that is another space. */
  another(): StorageBackend;
  cleanUp(): Promise<void>;
}

const ALICE = 'account-alice';
const BOB = 'account-bob';
const REPLACE: OpenWriteOptions = { mode: 'staged', intent: 'replace', start: 0 };
const APPEND: OpenWriteOptions = { mode: 'staged', intent: 'append', start: 0 };
const CREATE: OpenWriteOptions = { mode: 'staged', intent: 'create', start: 0 };
const DIRECT: OpenWriteOptions = { mode: 'direct', intent: 'replace', start: 0 };

function resumeAt(start: number): OpenWriteOptions {
  return { mode: 'staged', intent: 'resume', start };
}

/** What every storage backend must do. Call it in a spec with a way to make an empty backend. */
export function describeStorageBackend(name: string, make: () => Promise<BackendFixture>): void {
  describe(`${name} keeps the storage contract`, () => {
    let fixture: BackendFixture;
    let backend: StorageBackend;

    beforeEach(async () => {
      fixture = await make();
      backend = fixture.backend;
    });
    afterEach(() => fixture.cleanUp());

    // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
    const p = (text: string): VirtualPath => parsePath(text);
    const target = (path: string, accountId = ALICE): UploadTarget => ({
      path: p(path),
      accountId,
      transferId: newId(),
    });

    async function writing(path: string, text: string, options = REPLACE, accountId = ALICE): Promise<StorageWriter> {
      const writer = await backend.openWrite(target(path, accountId), options);
      await writer.write([Buffer.from(text)]);
      return writer;
    }

    async function put(path: string, text: string, options = REPLACE, accountId = ALICE) {
      const writer = await writing(path, text, options, accountId);
      await writer.seal({ sync: false });
      const published = await writer.publish();
      await writer.finish();
      return published;
    }

    async function keepPartial(path: string, text: string, accountId = ALICE): Promise<number> {
      const writer = await writing(path, text, REPLACE, accountId);
      return (await writer.abandon({ keep: true })).keptBytes;
    }

    async function content(path: string, from = backend): Promise<string> {
      const file = await from.openRead(p(path));
      try {
        const buffer = Buffer.alloc(file.entry.size + 10);
        let size = 0;
        for (let count = -1; count !== 0; size += count) {
          count = await file.read(buffer, size, buffer.length - size, size);
        }
        return buffer.toString('utf8', 0, size);
      } finally {
        await file.close();
      }
    }

    async function entries(path: string, from = backend): Promise<Entry[]> {
      const all: Entry[] = [];
      for await (const page of from.list(p(path), {})) all.push(...page);
      return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    }

    async function partialCount(): Promise<number> {
      let count = 0;
      for await (const _ of backend.partials()) count++;
      return count;
    }

    // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
    const codeOf = async (call: Promise<unknown>): Promise<string> =>
      call.then(
        () => 'no error',
        (error: { code?: string }) => error.code ?? 'no code',
      );

    describe('the tree', () => {
      it('starts as an empty root', async () => {
        expect(await backend.stat(ROOT)).toMatchObject({ name: '', kind: 'directory', size: 0 });
        expect(await entries('/')).toEqual([]);
        expect(await backend.measure({})).toEqual({ bytes: 0, files: 0 });
        expect(await backend.freeBytes()).toBeGreaterThan(0);
      });

      it('makes, lists and removes directories', async () => {
        await backend.makeDirectory(p('/a'));
        await backend.makeDirectory(p('/a/b'));
        expect(await entries('/a')).toMatchObject([{ name: 'b', kind: 'directory', size: 0 }]);
        expect(await codeOf(backend.removeDirectory(p('/a')))).toBe('path.not-empty');
        await backend.removeDirectory(p('/a/b'));
        await backend.removeDirectory(p('/a'));
        expect(await entries('/')).toEqual([]);
      });

      it('refuses directories that exist, lack a parent, or are the root', async () => {
        await put('/file', 'x');
        await backend.makeDirectory(p('/a'));
        expect(await codeOf(backend.makeDirectory(p('/a')))).toBe('path.exists');
        expect(await codeOf(backend.makeDirectory(p('/file')))).toBe('path.exists');
        expect(await codeOf(backend.makeDirectory(ROOT))).toBe('path.exists');
        expect(await codeOf(backend.makeDirectory(p('/none/b')))).toBe('path.not-found');
        expect(await codeOf(backend.removeDirectory(p('/none')))).toBe('path.not-found');
        expect(await codeOf(backend.removeDirectory(p('/file')))).toBe('path.not-directory');
        expect(await codeOf(backend.removeDirectory(ROOT))).toBe('access.denied');
      });

      it('tells size, kind, time and mode of a file the same way in stat, statSync, list and openRead', async () => {
        await put('/file', 'hello');
        await backend.setModified(p('/file'), 1_600_000_000_000);
        await backend.setMode(p('/file'), 0o604);
        const entry = await backend.stat(p('/file'));
        expect(entry).toMatchObject({
          name: 'file',
          kind: 'file',
          size: 5,
          modifiedMs: 1_600_000_000_000,
          mode: 0o604,
          links: 1,
        });
        expect(backend.statSync?.(p('/file')) ?? entry).toEqual(entry);
        expect(await entries('/')).toEqual([entry]);
        const file = await backend.openRead(p('/file'));
        expect(file.entry).toEqual(entry);
        await file.close();
      });

      it('says what is missing and what is of the wrong kind', async () => {
        await put('/file', 'x');
        await backend.makeDirectory(p('/dir'));
        expect(await codeOf(backend.stat(p('/none')))).toBe('path.not-found');
        expect(await codeOf(backend.openRead(p('/none')))).toBe('path.not-found');
        expect(await codeOf(backend.openRead(p('/dir')))).toBe('path.is-directory');
        expect(await codeOf(entries('/none'))).toBe('path.not-found');
        expect(await codeOf(entries('/file'))).toBe('path.not-directory');
        expect(await codeOf(backend.setModified(p('/none'), 0))).toBe('path.not-found');
        expect(await codeOf(backend.setMode(p('/none'), 0o600))).toBe('path.not-found');
      });

      it('lists more entries than one page holds, each once', async () => {
        for (let index = 0; index < 1300; index++) await backend.makeDirectory(p(`/d${index}`));
        const names = new Set((await entries('/')).map((entry) => entry.name));
        expect(names.size).toBe(1300);
      });

      it('stops a listing when its signal says so', async () => {
        for (let index = 0; index < 3; index++) await backend.makeDirectory(p(`/d${index}`));
        const signal = AbortSignal.abort(new Error('enough'));
        const listing = async () => {
          for await (const page of backend.list(ROOT, { signal })) expect(page).toEqual([]);
        };
        await expect(listing()).rejects.toThrow('enough');
      });

      it('gives hard facts about what is there: measure counts files of all depths', async () => {
        await backend.makeDirectory(p('/a'));
        await backend.makeDirectory(p('/a/b'));
        await put('/one', '1');
        await put('/a/two', '22');
        await put('/a/b/three', '333');
        await keepPartial('/a/four', '4444');
        expect(await backend.measure({})).toEqual({ bytes: 6, files: 3 });
      });

      it('keeps names of any characters', async () => {
        for (const name of [
          'grüße.txt',
          '日本語',
          'a b',
          '-rf',
          '%2e%2e',
          'back\\slash',
          '"q"',
          '🛥',
          '...',
          '~',
          '.up',
        ]) {
          await put(`/${name}`, name);
          expect(await content(`/${name}`)).toBe(name);
        }
        expect(await entries('/')).toHaveLength(11);
      });
    });

    describe('reading', () => {
      it('reads at any position and gives nothing at the end', async () => {
        await put('/file', 'hello world');
        const file = await backend.openRead(p('/file'));
        const buffer = Buffer.alloc(5);
        expect(await file.read(buffer, 0, 5, 6)).toBe(5);
        expect(buffer.toString()).toBe('world');
        expect(file.readSync?.(buffer, 1, 2, 0) ?? 2).toBe(2);
        expect(await file.read(buffer, 0, 5, 11)).toBe(0);
        await file.close();
        await file.close();
      });

      it('keeps giving the old content while the file is replaced and deleted', async () => {
        await put('/file', 'old');
        const file = await backend.openRead(p('/file'));
        await put('/file', 'newer');
        await (await backend.detach(p('/file'), newId())).finish();
        const buffer = Buffer.alloc(10);
        expect(await file.read(buffer, 0, 10, 0)).toBe(3);
        expect(buffer.toString('utf8', 0, 3)).toBe('old');
        await file.close();
      });

      it('streams from a position', async () => {
        await put('/file', 'hello world');
        const stream = await backend.createReadStream(p('/file'), { start: 6 });
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk as Buffer);
        expect(Buffer.concat(chunks).toString()).toBe('world');
      });
    });

    describe('staged uploads', () => {
      it('shows nothing before publish and everything after', async () => {
        const writer = await backend.openWrite(target('/file'), REPLACE);
        expect(writer.startBytes).toBe(0);
        await writer.write([Buffer.from('he'), Buffer.alloc(0), Buffer.from('l')]);
        if (writer.writeSync === null) await writer.write([Buffer.from('lo')]);
        else writer.writeSync(Buffer.from('lo'));
        expect(writer.bytes).toBe(5);
        await writer.seal({ sync: true });
        expect(await codeOf(backend.stat(p('/file')))).toBe('path.not-found');
        expect(await entries('/')).toEqual([]);
        const { entry, replacedBytes } = await writer.publish();
        expect(replacedBytes).toBeNull();
        expect(entry).toMatchObject({ name: 'file', kind: 'file', size: 5 });
        expect(await backend.stat(p('/file'))).toEqual(entry);
        await writer.finish();
        expect(await content('/file')).toBe('hello');
      });

      it('stores empty files', async () => {
        const writer = await backend.openWrite(target('/empty'), REPLACE);
        await writer.seal({ sync: false });
        expect((await writer.publish()).entry.size).toBe(0);
        await writer.finish();
        expect(await backend.measure({})).toEqual({ bytes: 0, files: 1 });
      });

      it('keeps the old file whole until publish, and tells exactly what it replaced', async () => {
        await put('/file', 'old content');
        await backend.setMode(p('/file'), 0o604);
        const writer = await writing('/file', 'new');
        await writer.seal({ sync: false });
        expect(await content('/file')).toBe('old content');
        expect((await writer.publish()).replacedBytes).toBe(11);
        await writer.finish();
        expect(await content('/file')).toBe('new');
        expect((await backend.stat(p('/file'))).mode).toBe(0o604);
      });

      it('needs a parent directory, a name, and no directory at the name', async () => {
        await backend.makeDirectory(p('/dir'));
        await put('/file', 'x');
        expect(await codeOf(backend.openWrite(target('/none/file'), REPLACE))).toBe('path.not-found');
        expect(await codeOf(backend.openWrite(target('/dir'), REPLACE))).toBe('path.is-directory');
        expect(await codeOf(backend.openWrite(target('/dir'), APPEND))).toBe('path.is-directory');
        expect(await codeOf(backend.openWrite(target('/'), REPLACE))).toBe('path.is-directory');
        expect(await codeOf(backend.openWrite(target('/file/x'), REPLACE))).toBe('path.not-directory');
      });

      it('does not replace a directory that took the name during the upload', async () => {
        const writer = await writing('/name', 'x');
        await writer.seal({ sync: false });
        await backend.makeDirectory(p('/name'));
        expect(await codeOf(writer.publish())).toBe('path.is-directory');
        expect(await writer.abandon({ keep: true })).toMatchObject({ keptBytes: 1 });
        expect(await backend.stat(p('/name'))).toMatchObject({ kind: 'directory' });
      });

      it('refuses publish when the parent directory is gone, and keeps the bytes', async () => {
        await backend.makeDirectory(p('/dir'));
        const writer = await writing('/dir/file', 'x');
        await writer.seal({ sync: false });
        await backend.removeDirectory(p('/dir'));
        expect(await codeOf(writer.publish())).toBe('path.not-found');
        expect((await writer.abandon({ keep: true })).keptBytes).toBe(1);
      });

      it('creates only where the name is free', async () => {
        const first = await writing('/name', 'first', CREATE);
        const second = await writing('/name', 'second', CREATE);
        await first.seal({ sync: false });
        await second.seal({ sync: false });
        expect((await first.publish()).replacedBytes).toBeNull();
        expect(await codeOf(second.publish())).toBe('path.exists');
        await second.abandon({ keep: false });
        expect(await content('/name')).toBe('first');
      });

      it('lets the last of two uploads to one name win, and accounts for both', async () => {
        const one = await writing('/file', '1');
        const two = await writing('/file', '22', REPLACE, BOB);
        await one.seal({ sync: false });
        await two.seal({ sync: false });
        expect((await two.publish()).replacedBytes).toBeNull();
        expect((await one.publish()).replacedBytes).toBe(2);
        await one.finish();
        await two.finish();
        expect(await content('/file')).toBe('1');
      });

      it('accounts exactly for 50 parallel publishes onto one name', async () => {
        const writers = await Promise.all(
          Array.from({ length: 50 }, (_, index) => writing('/file', 'x'.repeat(index + 1))),
        );
        const published = await Promise.all(
          writers.map(async (writer) => {
            await writer.seal({ sync: false });
            const result = await writer.publish();
            await writer.finish();
            return result;
          }),
        );
        const sum = published.reduce((total, { entry, replacedBytes }) => total + entry.size - (replacedBytes ?? 0), 0);
        expect(published.filter(({ replacedBytes }) => replacedBytes === null)).toHaveLength(1);
        expect(sum).toBe((await backend.stat(p('/file'))).size);
        expect(await backend.measure({})).toEqual({ bytes: sum, files: 1 });
      });

      it('throws away what is abandoned without keeping', async () => {
        await put('/file', 'old');
        const writer = await writing('/file', 'new');
        expect(await writer.abandon({ keep: false })).toEqual({ keptBytes: 0, inPlace: null });
        expect(await writer.abandon({ keep: true })).toEqual({ keptBytes: 0, inPlace: null });
        expect(await content('/file')).toBe('old');
        expect(await backend.partial(p('/file'), ALICE)).toBeNull();
      });

      it('leaves a published file alone when it is abandoned afterwards', async () => {
        const writer = await writing('/file', 'x');
        await writer.seal({ sync: false });
        await writer.publish();
        expect(await writer.abandon({ keep: false })).toEqual({ keptBytes: 0, inPlace: null });
        await writer.finish();
        expect(await content('/file')).toBe('x');
      });
    });

    describe('partials and resume', () => {
      it('keeps abandoned bytes for their account only', async () => {
        expect(await keepPartial('/file', 'hello')).toBe(5);
        expect(await backend.partial(p('/file'), ALICE)).toMatchObject({ path: '/file', accountId: ALICE, bytes: 5 });
        expect(await backend.partial(p('/file'), BOB)).toBeNull();
        expect(await codeOf(backend.stat(p('/file')))).toBe('path.not-found');
      });

      it('keeps nothing of an upload without bytes', async () => {
        const writer = await backend.openWrite(target('/file'), REPLACE);
        expect((await writer.abandon({ keep: true })).keptBytes).toBe(0);
        expect(await partialCount()).toBe(0);
      });

      it('keeps even an empty upload where older bytes have the name, so that no resume appends to them', async () => {
        await put('/file', 'old content');
        const upload = target('/file');
        const writer = await backend.openWrite(upload, REPLACE);
        await writer.abandon({ keep: true });
        expect(await backend.partial(p('/file'), ALICE)).toMatchObject({ bytes: 0, transferId: upload.transferId });
        const resumed = await backend.openWrite(target('/file'), { mode: 'staged', intent: 'append', start: 0 });
        expect(resumed.startBytes).toBe(0);
        await resumed.abandon({ keep: false });
        expect(await content('/file')).toBe('old content');

        await keepPartial('/other', 'older');
        const other = await backend.openWrite(target('/other'), REPLACE);
        await other.abandon({ keep: true });
        expect((await backend.partial(p('/other'), ALICE))?.bytes).toBe(0);
      });

      it('lists partials by directory and account, and all of them', async () => {
        await backend.makeDirectory(p('/a'));
        await keepPartial('/one', '1');
        await keepPartial('/a/two', '22');
        await keepPartial('/a/three', '333', BOB);
        expect((await backend.partialsIn(ROOT, ALICE)).map(({ path }) => path)).toEqual(['/one']);
        expect(await backend.partialsIn(p('/a'), ALICE)).toMatchObject([
          { path: '/a/two', bytes: 2, accountId: ALICE },
        ]);
        expect(await backend.partialsIn(p('/a'), BOB)).toMatchObject([{ path: '/a/three', bytes: 3 }]);
        expect(await partialCount()).toBe(3);
      });

      it('names the transfer that left the partial', async () => {
        const upload = target('/file');
        const writer = await backend.openWrite(upload, REPLACE);
        await writer.write([Buffer.from('x')]);
        await writer.abandon({ keep: true });
        expect((await backend.partial(p('/file'), ALICE))?.transferId).toBe(upload.transferId);
      });

      it('replaces an older partial by a newer one', async () => {
        await keepPartial('/file', 'older');
        await keepPartial('/file', 'new');
        expect(await backend.partial(p('/file'), ALICE)).toMatchObject({ bytes: 3 });
        expect(await partialCount()).toBe(1);
      });

      it('drops a partial once', async () => {
        await keepPartial('/file', 'x');
        expect(await backend.dropPartial(p('/file'), BOB)).toBe(false);
        expect(await backend.dropPartial(p('/file'), ALICE)).toBe(true);
        expect(await backend.dropPartial(p('/file'), ALICE)).toBe(false);
        expect(await partialCount()).toBe(0);
      });

      it('resumes a partial where it ended, and replaces the old file at publish only', async () => {
        await put('/file', 'the old file');
        await keepPartial('/file', 'hello ');
        const writer = await backend.openWrite(target('/file'), resumeAt(6));
        expect(writer.startBytes).toBe(6);
        expect(await backend.partial(p('/file'), ALICE)).toBeNull();
        await writer.write([Buffer.from('world')]);
        expect(await content('/file')).toBe('the old file');
        await writer.seal({ sync: false });
        expect(await writer.publish()).toMatchObject({ entry: { size: 11 }, replacedBytes: 12 });
        await writer.finish();
        expect(await content('/file')).toBe('hello world');
        expect(await partialCount()).toBe(0);
      });

      it('cuts a partial off at the position it is resumed at', async () => {
        await keepPartial('/file', 'hello world');
        expect(await put('/file', 'p!', resumeAt(3))).toMatchObject({ entry: { size: 5 } });
        expect(await content('/file')).toBe('help!');
      });

      it('appends to a partial', async () => {
        await keepPartial('/file', 'hello ');
        await put('/file', 'world', APPEND);
        expect(await content('/file')).toBe('hello world');
      });

      it('refuses a position beyond the end and keeps the partial as it was', async () => {
        await keepPartial('/file', 'hello');
        expect(await codeOf(backend.openWrite(target('/file'), resumeAt(6)))).toBe('restart.beyond-end');
        expect(await backend.partial(p('/file'), ALICE)).toMatchObject({ bytes: 5 });
        await put('/file', '!', resumeAt(5));
        expect(await content('/file')).toBe('hello!');
      });

      it('resumes a committed file on a staged copy', async () => {
        await put('/file', 'hello world');
        const writer = await backend.openWrite(target('/file'), resumeAt(5));
        expect(writer.startBytes).toBe(5);
        await writer.write([Buffer.from('!')]);
        expect(await content('/file')).toBe('hello world');
        await writer.seal({ sync: false });
        expect((await writer.publish()).replacedBytes).toBe(11);
        await writer.finish();
        expect(await content('/file')).toBe('hello!');
      });

      it('appends to a committed file, and to a name that is free', async () => {
        await put('/file', 'hello');
        await put('/file', ' world', APPEND);
        await put('/fresh', 'new', APPEND);
        expect(await content('/file')).toBe('hello world');
        expect(await content('/fresh')).toBe('new');
      });

      it('refuses to resume beyond a committed file, or where there is nothing', async () => {
        await put('/file', 'hello');
        expect(await codeOf(backend.openWrite(target('/file'), resumeAt(6)))).toBe('restart.beyond-end');
        expect(await codeOf(backend.openWrite(target('/none'), resumeAt(1)))).toBe('restart.beyond-end');
        await put('/none', 'x', resumeAt(0));
        expect(await content('/none')).toBe('x');
      });

      it('gives a partial to one of two claimers and tells the other that it is busy', async () => {
        await keepPartial('/file', 'hello');
        const [first, second] = await Promise.allSettled([
          backend.openWrite(target('/file'), resumeAt(5)),
          fixture.reopen().openWrite(target('/file'), resumeAt(5)),
        ]);
        expect([first.status, second.status].toSorted()).toEqual(['fulfilled', 'rejected']);
        const loser = first.status === 'rejected' ? first : second;
        expect(loser).toMatchObject({ reason: { code: 'path.busy' } });
        const winner = first.status === 'fulfilled' ? first : second;
        if (winner.status === 'fulfilled') await winner.value.abandon({ keep: true });
        expect(await backend.partial(p('/file'), ALICE)).toMatchObject({ bytes: 5 });
      });

      it('keeps a resumed upload that fails again, with all its bytes', async () => {
        await keepPartial('/file', 'hello');
        const writer = await backend.openWrite(target('/file'), resumeAt(5));
        await writer.write([Buffer.from(' again')]);
        expect((await writer.abandon({ keep: true })).keptBytes).toBe(11);
        await put('/file', '!', APPEND);
        expect(await content('/file')).toBe('hello again!');
        expect(await partialCount()).toBe(0);
      });

      it('forgets an older partial when a fresh upload is finished, and says which', async () => {
        await keepPartial('/file', 'older');
        const older = await backend.partial(p('/file'), ALICE);
        const writer = await writing('/file', 'fresh', REPLACE, ALICE);
        await writer.seal({ sync: false });
        await writer.publish();
        expect(await writer.finish()).toBe(older!.transferId);
        expect(await writer.finish()).toBeNull();
        expect(await backend.partial(p('/file'), ALICE)).toBeNull();
        expect(await partialCount()).toBe(0);
      });
    });

    describe('direct uploads', () => {
      it('shows bytes as they arrive', async () => {
        await put('/file', 'the old file');
        const writer = await backend.openWrite(target('/file'), DIRECT);
        await writer.write([Buffer.from('new')]);
        expect(await content('/file')).toBe('new');
        await writer.seal({ sync: true });
        expect(await writer.publish()).toMatchObject({ entry: { size: 3 }, replacedBytes: 12 });
        await writer.finish();
      });

      it('lets one write to a path at a time', async () => {
        const writer = await backend.openWrite(target('/file'), DIRECT);
        expect(await codeOf(fixture.reopen().openWrite(target('/file'), DIRECT))).toBe('path.busy');
        await writer.abandon({ keep: false });
        await put('/file', 'x', DIRECT);
        await put('/file', 'y', DIRECT);
        expect(await content('/file')).toBe('y');
      });

      it('resumes and appends in place', async () => {
        await put('/file', 'hello world', DIRECT);
        expect(await put('/file', 'p!', { ...DIRECT, intent: 'resume', start: 3 })).toMatchObject({
          replacedBytes: 11,
        });
        await put('/file', '!', { ...DIRECT, intent: 'append' });
        expect(await content('/file')).toBe('help!!');
        const beyond = backend.openWrite(target('/file'), { ...DIRECT, intent: 'resume', start: 7 });
        expect(await codeOf(beyond)).toBe('restart.beyond-end');
        expect(await codeOf(backend.openWrite(target('/file'), { ...DIRECT, intent: 'create' }))).toBe('path.exists');
      });

      it('leaves what arrived when it is kept, and says how the tree changed', async () => {
        await put('/file', 'the old file');
        const kept = await writing('/file', 'new', DIRECT);
        expect(await kept.abandon({ keep: true })).toEqual({ keptBytes: 3, inPlace: { bytes: 3, replacedBytes: 12 } });
        expect(await content('/file')).toBe('new');
      });

      it('takes back what was appended, and a new file, when nothing is kept', async () => {
        await put('/file', 'old');
        const appended = await writing('/file', ' and more', { ...DIRECT, intent: 'append' });
        expect((await appended.abandon({ keep: false })).inPlace).toEqual({ bytes: 3, replacedBytes: 3 });
        expect(await content('/file')).toBe('old');
        const fresh = await writing('/fresh', 'x', DIRECT);
        expect(await fresh.abandon({ keep: false })).toEqual({ keptBytes: 0, inPlace: null });
        expect(await codeOf(backend.stat(p('/fresh')))).toBe('path.not-found');
      });
    });

    describe('renames', () => {
      it('moves files and directories with what is in them', async () => {
        await backend.makeDirectory(p('/a'));
        await backend.makeDirectory(p('/b'));
        await put('/a/file', 'x');
        expect(await backend.rename(p('/a/file'), p('/a/file2'), { replaceId: null })).toBeNull();
        expect(await backend.rename(p('/a'), p('/b/a'), { replaceId: newId() })).toBeNull();
        expect(await content('/b/a/file2')).toBe('x');
        expect(await codeOf(backend.stat(p('/a')))).toBe('path.not-found');
      });

      it('replaces a file only when asked, and detaches the old one', async () => {
        await put('/new', 'new');
        await put('/old', 'the old');
        expect(await codeOf(backend.rename(p('/new'), p('/old'), { replaceId: null }))).toBe('path.exists');
        expect(await content('/new')).toBe('new');
        const detached = await backend.rename(p('/new'), p('/old'), { replaceId: newId() });
        expect(detached?.bytes).toBe(7);
        expect(await content('/old')).toBe('new');
        await detached?.finish();
        expect(await backend.measure({})).toEqual({ bytes: 3, files: 1 });
      });

      it('never replaces a directory, nor by one', async () => {
        await backend.makeDirectory(p('/dir'));
        await backend.makeDirectory(p('/empty'));
        await put('/file', 'x');
        for (const [from, to] of [
          ['/file', '/dir'],
          ['/dir', '/file'],
          ['/dir', '/empty'],
        ] as const) {
          expect(await codeOf(backend.rename(p(from), p(to), { replaceId: newId() }))).toBe('path.exists');
        }
        expect(await entries('/')).toHaveLength(3);
      });

      it('does nothing to a name that is renamed to itself', async () => {
        await put('/file', 'x');
        expect(await backend.rename(p('/file'), p('/file'), { replaceId: newId() })).toBeNull();
        expect(await content('/file')).toBe('x');
      });

      it('refuses what is missing, the root, and a directory into itself', async () => {
        await backend.makeDirectory(p('/a'));
        expect(await codeOf(backend.rename(p('/none'), p('/x'), { replaceId: null }))).toBe('path.not-found');
        expect(await codeOf(backend.rename(p('/a'), p('/none/x'), { replaceId: null }))).toBe('path.not-found');
        expect(await codeOf(backend.rename(ROOT, p('/x'), { replaceId: null }))).toBe('access.denied');
        expect(await codeOf(backend.rename(p('/a'), ROOT, { replaceId: newId() }))).toBe('access.denied');
        expect(await codeOf(backend.rename(p('/a'), p('/a/b'), { replaceId: null }))).toBe('path.name-refused');
      });
    });

    describe('moves into another tree', () => {
      const anywhere = { replace: false, admits: () => true };
      const replacing = { replace: true, admits: () => true };

      it('takes a file and a folder with all that is in it, and counts them', async () => {
        const other = fixture.another();
        await backend.makeDirectory(p('/a'));
        await backend.makeDirectory(p('/a/b'));
        await put('/a/one', 'one');
        await put('/a/b/two', 'two!');
        await put('/file', 'file');
        const folder = await backend.moveInto(p('/a'), other, p('/in'), { id: newId(), ...anywhere });
        expect(folder).toMatchObject({ bytes: 7, files: 2, replacedBytes: null });
        await folder.finish();
        const file = await backend.moveInto(p('/file'), other, p('/in/b/file'), { id: newId(), ...anywhere });
        expect(file).toMatchObject({ bytes: 4, files: 1, replacedBytes: null });
        await file.finish();
        expect(await content('/in/b/two', other)).toBe('two!');
        expect(await content('/in/b/file', other)).toBe('file');
        expect(await entries('/')).toEqual([]);
        expect(await other.measure({})).toEqual({ bytes: 11, files: 3 });
        expect(await other.measure({ path: p('/in/b') })).toEqual({ bytes: 8, files: 2 });
      });

      it('goes from one root of a space to another', async () => {
        const inner = backend.enter(p('/home'));
        await put('/file', 'x');
        await (await backend.moveInto(p('/file'), inner, p('/file'), { id: newId(), ...anywhere })).finish();
        expect(await content('/home/file')).toBe('x');
        inner.close();
      });

      it('replaces a file only when asked, and never a folder', async () => {
        const other = fixture.another();
        await put('/file', 'new');
        await other.makeDirectory(p('/folder'));
        const writer = await other.openWrite(target('/taken'), REPLACE);
        await writer.write([Buffer.from('the old')]);
        await writer.seal({ sync: false });
        await writer.publish();
        await writer.finish();
        for (const [to, how] of [
          ['/taken', anywhere],
          ['/folder', replacing],
        ] as const) {
          expect(await codeOf(backend.moveInto(p('/file'), other, p(to), { id: newId(), ...how }))).toBe('path.exists');
        }
        await backend.makeDirectory(p('/dir'));
        expect(await codeOf(backend.moveInto(p('/dir'), other, p('/taken'), { id: newId(), ...replacing }))).toBe(
          'path.exists',
        );
        const moved = await backend.moveInto(p('/file'), other, p('/taken'), { id: newId(), ...replacing });
        expect(moved).toMatchObject({ bytes: 3, files: 1, replacedBytes: 7 });
        await moved.finish();
        expect(await content('/taken', other)).toBe('new');
        expect(await other.measure({})).toEqual({ bytes: 3, files: 1 });
      });

      it('leaves all as it was where there is no room, no folder or no such name', async () => {
        const other = fixture.another();
        await put('/file', 'hello');
        const admits = jest.fn((_size: object, _replaced: number | null) => false);
        const id = newId();
        expect(await codeOf(backend.moveInto(p('/file'), other, p('/x'), { id, replace: false, admits }))).toBe(
          'path.busy',
        );
        expect(admits).toHaveBeenCalledWith({ bytes: 5, files: 1 }, null);
        for (const [from, to, code] of [
          ['/file', '/none/x', 'path.not-found'],
          ['/none', '/x', 'path.not-found'],
          ['/', '/x', 'access.denied'],
          ['/file', '/', 'access.denied'],
        ] as const) {
          expect(await codeOf(backend.moveInto(p(from), other, p(to), { id: newId(), ...anywhere }))).toBe(code);
        }
        expect(await content('/file')).toBe('hello');
        expect(await entries('/', other)).toEqual([]);
        expect(await backend.recoverMove(id, p('/file'))).toBeNull();
      });

      it('does not take a file that is being written in place', async () => {
        const writer = await backend.openWrite(target('/file'), DIRECT);
        await writer.write([Buffer.from('x')]);
        expect(
          await codeOf(backend.moveInto(p('/file'), fixture.another(), p('/x'), { id: newId(), ...anywhere })),
        ).toBe('path.busy');
        await writer.abandon({ keep: false });
      });

      it('is known after a crash until it is finished', async () => {
        const other = fixture.another();
        await put('/file', 'hello');
        const id = newId();
        expect(await backend.recoverMove(id, p('/file'))).toBeNull();
        await backend.moveInto(p('/file'), other, p('/file'), { id, ...anywhere });
        const recovered = await fixture.reopen().recoverMove(id, p('/file'));
        expect(recovered).toMatchObject({ bytes: 5, files: 1, replacedBytes: null });
        await recovered?.finish();
        expect(await backend.recoverMove(id, p('/file'))).toBeNull();
        expect(await content('/file', other)).toBe('hello');
      });
    });

    describe('removal', () => {
      it('takes a file out of the tree at once', async () => {
        await put('/file', 'hello');
        const detached = await backend.detach(p('/file'), newId());
        expect(detached.bytes).toBe(5);
        expect(await codeOf(backend.stat(p('/file')))).toBe('path.not-found');
        await detached.finish();
        await detached.finish();
      });

      it('detaches files only', async () => {
        await backend.makeDirectory(p('/dir'));
        expect(await codeOf(backend.detach(p('/dir'), newId()))).toBe('path.is-directory');
        expect(await codeOf(backend.detach(p('/none'), newId()))).toBe('path.not-found');
        expect(await codeOf(backend.detach(ROOT, newId()))).toBe('path.is-directory');
      });
    });

    describe('a root further down', () => {
      it('shows the same files under shorter names, makes its folder, and has no way up', async () => {
        const inner = backend.enter(p('/tenant/home'));
        expect(await entries('/', inner)).toEqual([]);
        await put('/tenant/home/file', 'x');
        expect(await content('/file', inner)).toBe('x');
        expect(await inner.measure({})).toEqual({ bytes: 1, files: 1 });
        expect(await codeOf(inner.stat(p('/../../tenant')))).toBe('path.not-found');
        inner.close();
      });

      it('shares partials under the names of each root', async () => {
        await backend.makeDirectory(p('/home'));
        const inner = backend.enter(p('/home'));
        await keepPartial('/home/file', 'hello');
        await keepPartial('/outside', 'x');
        expect(await inner.partial(p('/file'), ALICE)).toMatchObject({ path: '/file', bytes: 5 });
        const seen: string[] = [];
        for await (const partial of inner.partials()) seen.push(partial.path);
        expect(seen).toEqual(['/file']);
        inner.close();
      });

      it('starts anew when its folder was removed meanwhile', async () => {
        const inner = backend.enter(p('/home'));
        expect(await entries('/', inner)).toEqual([]);
        await backend.removeDirectory(p('/home'));
        await codeOf(inner.stat(p('/file')));
        expect(await entries('/', inner)).toEqual([]);
        inner.close();
      });
    });

    describe('after a crash', () => {
      /** Go through an upload up to a point, then leave it as a dead process would. */
      // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
      async function crashed(path: string, until: 'written' | 'sealed' | 'published', options = REPLACE) {
        const upload = target(path);
        const writer = await backend.openWrite(upload, options);
        await writer.write([Buffer.from('new')]);
        if (until !== 'written') await writer.seal({ sync: false });
        if (until === 'published') await writer.publish();
        return { upload, token: writer.token === '' ? null : writer.token };
      }

      it('keeps an unsealed upload as a partial', async () => {
        const { upload, token } = await crashed('/file', 'written');
        const after = fixture.reopen();
        expect(token).toBeNull();
        expect(await after.recoverUpload(upload, token)).toEqual({ published: false, keptBytes: 3, inPlace: null });
        expect(await after.recoverUpload(upload, token)).toEqual({ published: false, keptBytes: 3, inPlace: null });
        expect(await after.partial(p('/file'), ALICE)).toMatchObject({ bytes: 3, transferId: upload.transferId });
      });

      it('keeps nothing of an upload that had not begun or had no bytes', async () => {
        const nothing = { published: false, keptBytes: 0, inPlace: null };
        expect(await backend.recoverUpload(target('/never'), null)).toEqual(nothing);
        const upload = target('/empty');
        await backend.openWrite(upload, REPLACE);
        expect(await fixture.reopen().recoverUpload(upload, null)).toEqual(nothing);
        expect(await partialCount()).toBe(0);
      });

      it('knows a sealed upload that was not published', async () => {
        await put('/file', 'old');
        const { upload, token } = await crashed('/file', 'sealed');
        const after = fixture.reopen();
        expect(await after.recoverUpload(upload, token)).toEqual({ published: false, keptBytes: 3, inPlace: null });
        expect(await after.recoverUpload(upload, token)).toEqual({ published: false, keptBytes: 3, inPlace: null });
        expect(await content('/file', after)).toBe('old');
      });

      it('knows an upload that was published onto a free name', async () => {
        const { upload, token } = await crashed('/file', 'published');
        const recovery = await fixture.reopen().recoverUpload(upload, token);
        expect(recovery).toMatchObject({ published: true, bytes: 3, replacedBytes: null });
        if (recovery.published) await recovery.finish();
        expect(await content('/file')).toBe('new');
      });

      it('knows an upload that replaced a file, until it is finished', async () => {
        await put('/file', 'the old file');
        const { upload, token } = await crashed('/file', 'published');
        await put('/file', 'overwritten by another since');
        const first = await fixture.reopen().recoverUpload(upload, token);
        expect(first).toMatchObject({ published: true, bytes: 3, replacedBytes: 12 });
        const again = await fixture.reopen().recoverUpload(upload, token);
        expect(again).toMatchObject({ published: true, bytes: 3, replacedBytes: 12 });
        if (again.published) await again.finish();
        expect(await content('/file')).toBe('overwritten by another since');
        expect(await backend.measure({})).toEqual({ bytes: 28, files: 1 });
      });

      it('knows an upload that was given up after it was sealed', async () => {
        const upload = target('/file');
        const writer = await backend.openWrite(upload, REPLACE);
        await writer.write([Buffer.from('new')]);
        await writer.seal({ sync: false });
        await writer.abandon({ keep: true });
        const recovery = await fixture.reopen().recoverUpload(upload, writer.token);
        expect(recovery).toMatchObject({ published: false, keptBytes: 3 });
      });

      it('keeps a resumed upload with the bytes of both transfers', async () => {
        await keepPartial('/file', 'hello ');
        const { upload, token } = await crashed('/file', 'written', resumeAt(6));
        expect(await fixture.reopen().recoverUpload(upload, token)).toMatchObject({ published: false, keptBytes: 9 });
        await put('/file', '!', APPEND);
        expect(await content('/file')).toBe('hello new!');
      });

      it('tells what a direct upload did, and unlocks its path', async () => {
        await put('/file', 'the old file');
        const written = await crashed('/file', 'written', DIRECT);
        expect(await fixture.reopen().recoverUpload(written.upload, null)).toEqual({
          published: false,
          keptBytes: 3,
          inPlace: { bytes: 3, replacedBytes: 12 },
        });
        const sealed = await crashed('/file', 'sealed', DIRECT);
        const recovery = await fixture.reopen().recoverUpload(sealed.upload, sealed.token);
        expect(recovery).toMatchObject({ published: true, bytes: 3, replacedBytes: 3 });
        if (recovery.published) await recovery.finish();
        await put('/file', 'free again', DIRECT);
      });

      it('finds detached bytes until they are finished', async () => {
        await put('/file', 'hello');
        const id = newId();
        expect(await backend.recoverDetach(id)).toBeNull();
        await backend.detach(p('/file'), id);
        const recovered = await fixture.reopen().recoverDetach(id);
        expect(recovered?.bytes).toBe(5);
        await recovered?.finish();
        expect(await backend.recoverDetach(id)).toBeNull();
      });

      it('finds what a rename replaced', async () => {
        await put('/new', 'new');
        await put('/old', 'the old');
        const id = newId();
        await backend.rename(p('/new'), p('/old'), { replaceId: id });
        const recovered = await fixture.reopen().recoverDetach(id);
        expect(recovered?.bytes).toBe(7);
        await recovered?.finish();
        expect(await content('/old')).toBe('new');
      });
    });
  });
}
