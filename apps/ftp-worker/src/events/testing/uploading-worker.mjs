// Uploads without end, four at a time, and says which uploads it has answered. Arguments: space folder, spool folder.
import { writeSync } from 'node:fs';

const { newId, parsePath } = await import('@quayside/domain');
const { LocalBackend } = await import('@quayside/storage');
const { EventSpool } = await import('../event-spool.js');
const { SpoolJournal } = await import('../spool-journal.js');

const [space, folder, spaceId, accountId] = process.argv.slice(2);
const none = () => undefined;
const log = { debug: none, info: none, warn: none, error: none };
const backend = LocalBackend.open({ folder: space });
const spool = new EventSpool({ folder, log, segmentBytes: 20_000, spareBytes: 1 });
const journal = new SpoolJournal({ spool, source: { node: 'node', worker: 'worker' } });
const session = { sessionId: newId(), remoteAddress: '::1', protocol: 'ftp', clientName: null };
const grant = { tenantId: newId(), accountId, username: 'bob' };
const mount = { mountId: newId(), spaceId, subpath: '/', backend: { kind: 'local', root: 'r' } };

async function upload() {
  const transferId = newId();
  const path = parsePath(`/${Math.floor(Math.random() * 8)}`);
  const bytes = Math.floor(Math.random() * 3_000);
  const startedAtMs = Date.now();
  const record = journal.beginUpload(session, grant, {
    transferId,
    mount,
    backendPath: path,
    path,
    verb: 'STOR',
    startedAtMs,
  });
  writeSync(1, `begun ${transferId}\n`);
  const writer = await backend.openWrite(
    { path, accountId, transferId },
    { mode: 'staged', intent: 'replace', start: 0 },
  );
  await writer.write([Buffer.alloc(bytes, 0x61)]);
  await writer.seal({ sync: false });
  const facts = {
    transferId,
    direction: 'upload',
    verb: 'STOR',
    path,
    bytes,
    fileBytes: bytes,
    startedAtMs,
    finishedAtMs: Date.now(),
    outcome: 'completed',
    reason: null,
    sha256: null,
    keptBytes: 0,
    dataTls: false,
  };
  await record.intend({ token: writer.token, facts, sync: true });
  const { replacedBytes } = await writer.publish();
  await record.committed(facts, {
    spaceId,
    bytes: bytes - (replacedBytes ?? 0),
    files: replacedBytes === null ? 1 : 0,
  });
  writeSync(1, `answered ${transferId}\n`);
  await writer.finish();
}

async function uploadForEver() {
  for (;;) await upload();
}

await Promise.all([uploadForEver(), uploadForEver(), uploadForEver(), uploadForEver()]);
