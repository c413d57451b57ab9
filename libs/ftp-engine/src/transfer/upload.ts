import { createHash, type Hash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { setImmediate as turn } from 'node:timers/promises';
import { DomainError, newId, type SessionGrant, type VirtualPath } from '@quayside/domain';
import type { Entry, OpenWriteOptions, StagedPartial, StorageWriter } from '@quayside/storage';
import type { CommandContext } from '../commands/define-command.js';
import { type Reply, reply } from '../control/reply.js';
import type { UploadPlace } from '../filesystem/account-file-system.js';
import type { LedgerDelta, QuotaAsk, QuotaLease, TransferFacts, TransferMeter, UploadRecord } from '../ports.js';
import type { Session } from '../session/session.js';
import { AsciiDecoder } from './ascii.js';
import { sourceOf } from './byte-source.js';
import { closeData, type DataConnection, openData } from './open-data.js';
import { beyondEnd } from './restart.js';
import { Pace } from './rates.js';
import { hashOfStored } from './stored-hash.js';
import { asTransferFailure, TransferFailure } from './transfer-failure.js';
import type { TlsRecordTap } from './tls-record-tap.js';
import { UploadStream } from './upload-stream.js';

/** What STOR, STOU and APPE differ in. */
export interface UploadRequest {
  readonly path: VirtualPath;
  readonly intent: OpenWriteOptions['intent'];
  /** Of REST; 0 without. */
  readonly start: number;
  /** STOU: RFC 1123 §4.1.2.9, the 150 and the 226 carry the name. */
  readonly announce: string | null;
}

/** Facts of a transfer before its end. */
interface Begun {
  readonly transferId: string;
  readonly verb: string;
  readonly path: VirtualPath;
  readonly startedAtMs: number;
}

/**
 * RFC 959 STOR, STOU, APPE as one ordered walk (no step may be missed): permission → quota → journal → staging file →
 * data connection and 150 → bytes → verdict on the end → seal → intent on disk → name switched → settled → 226.
 */
export async function upload(context: CommandContext, request: UploadRequest): Promise<Reply> {
  const { session, verb } = context;
  const { engine, fs } = session;
  if (fs === null || session.grant === null) throw new DomainError('auth.required');
  const grant = session.grant;
  const declared = session.takeAllocated();
  if (request.start > 0 && session.type === 'A') throw asciiRestart();
  const place = await fs.planUpload(request.path, verb, changeOf(request));
  const begun: Begun = { transferId: newId(), verb, path: request.path, startedAtMs: context.now() };
  const { lease, meter } = await openQuota(context, request, place, declared, begun);
  let record: UploadRecord;
  try {
    record = engine.ports.journal.beginUpload(session.facts(), grant, {
      transferId: begun.transferId,
      mount: place.mount,
      backendPath: place.backendPath,
      path: place.path,
      verb,
      startedAtMs: begun.startedAtMs,
    });
  } catch (error) {
    meter?.close();
    await giveBack(lease, request, place);
    throw error;
  }
  try {
    return await new UploadRun(context, request, place, lease, meter, record, begun, declared).run();
  } finally {
    meter?.close();
  }
}

class UploadRun {
  #writer: StorageWriter | null = null;
  #stream: UploadStream | null = null;
  #data: DataConnection | null = null;
  #sha256: string | null = null;
  /** The earlier attempt that this upload starts over, or continues, is no longer there as it was. */
  #partialUsed = false;
  #intended = false;
  #published = false;

  constructor(
    readonly context: CommandContext,
    readonly request: UploadRequest,
    readonly place: UploadPlace,
    readonly lease: QuotaLease,
    readonly meter: TransferMeter | null,
    readonly record: UploadRecord,
    readonly begun: Begun,
    readonly declaredBytes: number | null,
  ) {}

  get session(): Session {
    return this.context.session;
  }

  async run(): Promise<Reply> {
    const { session, begun } = this;
    session.activity = {
      verb: begun.verb,
      path: begun.path,
      transferId: begun.transferId,
      startedAtMs: begun.startedAtMs,
      bytes: 0,
    };
    try {
      this.#writer = await this.#openWriter();
      await this.#receive(this.#writer);
      return await this.#commit(this.#writer);
    } catch (error) {
      throw await this.#giveUp(error);
    } finally {
      session.activity = null;
      session.bytesUp += this.#stream?.storedBytes ?? 0;
    }
  }

  async #openWriter(): Promise<StorageWriter> {
    const { place, request, session, begun } = this;
    const { accountId, policy } = session.grant!;
    if (request.intent === 'replace' && place.partial !== null) {
      // A fresh STOR starts over: the staged bytes of the earlier attempt go first, their reservation is ours already.
      await place.backend.dropPartial(place.backendPath, accountId);
      this.#partialUsed = true;
    }
    return place.backend.openWrite(
      { path: place.backendPath, accountId, transferId: begun.transferId },
      { mode: policy.uploads.mode, intent: request.intent, start: request.start, looked: place.looked },
    );
  }

  async #receive(writer: StorageWriter): Promise<void> {
    const { context, request, session } = this;
    const policy = session.grant!.policy;
    const hash = policy.uploads.receipts && writer.startBytes === 0 ? createHash('sha256') : null;
    this.#data = await openData(
      context,
      request.announce === null ? 'Ready for the data' : `FILE: ${request.announce}`,
      'receive',
      this.begun.verb === 'STOU',
    );
    this.#stream = new UploadStream({
      source: sourceOf(this.#data, session.engine.data.buffers, session.type === 'A'),
      writer,
      lease: this.lease,
      decoder: session.type === 'A' ? new AsciiDecoder() : null,
      hash,
      pace: new Pace(session, 'up', this.meter),
      stallMs: session.engine.options.timeouts.stall,
      // Asked for every piece: the cap may change while the upload runs.
      maxBytes: () => session.grant?.policy.caps.fileSize ?? null,
      signal: context.signal,
      onProgress: (bytes) => {
        if (session.activity !== null) session.activity.bytes = bytes;
      },
    });
    await this.#stream.run();
    if (this.#data.tap !== null) await this.#requireNotify(this.#data.tap);
    this.#requireAnnounced();
    // In clear, a client that has ended waits for nothing of ours but the end, which a close is.
    if (this.#data.tls) closeData(this.#data.socket).catch(() => {});
    else this.#data.destroy();
    this.#sha256 = await this.#receipt(writer, hash);
  }

  /** TLS says itself whether its stream has ended or was cut. */
  async #requireNotify(tap: TlsRecordTap): Promise<void> {
    await turn();
    this.#throwIfControlIsGone();
    if (endedByNotify(tap, this.#data!.socket as TLSSocket, this.#stream!)) return;
    throw new TransferFailure('data.aborted', 'TLS_TRUNCATED', {
      detail: 'Transfer aborted; the data connection ended without TLS close_notify',
    });
  }

  #requireAnnounced(): void {
    const { session, declaredBytes } = this;
    if (declaredBytes === null || session.type !== 'I') return;
    const bytes = this.#stream!.storedBytes;
    // After REST some clients announce the rest and some the whole file; in ASCII mode the count is of other bytes.
    if (declaredBytes === bytes || declaredBytes === this.#writer!.startBytes + bytes) return;
    throw new TransferFailure('data.aborted', 'SIZE_MISMATCH', {
      detail: `Transfer aborted; ${bytes} bytes were received, ${declaredBytes} were announced with ALLO`,
    });
  }

  #throwIfControlIsGone(): void {
    this.context.signal.throwIfAborted();
    if (!this.session.control.alive) throw new TransferFailure('data.aborted', 'CONTROL_LOST');
  }

  async #receipt(writer: StorageWriter, hash: Hash | null): Promise<string | null> {
    if (hash !== null) return hash.digest('hex');
    return this.session.grant!.policy.uploads.receipts ? hashOfStored(writer, this.context.signal) : null;
  }

  async #commit(writer: StorageWriter): Promise<Reply> {
    const { session, record, request } = this;
    const sync = session.engine.options.uploadFsync;
    await writer.seal({ sync });
    this.#throwIfControlIsGone();
    const facts = this.#facts('completed', null, 0);
    this.#intended = true;
    // In stream mode the end of the file is the end of the connection, so a FIN alone proves nothing: the control
    // connection must still be there after one turn of the loop, mostly the one in which the intent is written.
    await Promise.all([record.intend({ token: writer.token, facts, sync }), turn()]);
    this.#throwIfControlIsGone();
    await this.#coverWhatIsReplaced(writer);
    // In the same turn of the loop: nothing of this process can come between the last look at the name and its switch.
    const published = await writer.publish();
    this.#published = true;
    await record.committed(facts, deltaOf(this.place, writer.bytes, published.replacedBytes));
    this.lease.settled();
    if (this.#sha256 !== null) {
      session.engine.receipts.add(this.place.mount.spaceId, published.entry, this.#sha256);
    }
    const older = await writer.finish();
    // What another session of the account had kept at this path meanwhile is gone, and its reservation goes with it.
    if (older !== null) await session.engine.ports.quota.dropped(older);
    session.transfers++;
    const parts = ['Transfer complete', `${facts.bytes} bytes`];
    if (writer.startBytes > 0) parts.push(`file ${writer.bytes} bytes`);
    if (this.#sha256 !== null) parts.push(`sha256=${this.#sha256}`);
    if (request.announce !== null) parts.push(`FILE: ${request.announce}`);
    return reply(226, parts.join('; '));
  }

  /**
   * The lease covers growth over the file that was at the name before the upload. Where that has shrunk or gone
   * meanwhile, the commit takes more, which must be reserved first. (A worker in another process can still delete the
   * file in the microseconds between this look and the switch; then the ledger stands above the limit by that file until
   * something is deleted.)
   */
  async #coverWhatIsReplaced(writer: StorageWriter): Promise<void> {
    const { place, lease } = this;
    // What covers it onto a free name covers it onto any.
    if (lease.covers(writer.bytes, null)) return;
    for (;;) {
      const now = place.backend.statSync === null ? await sizeAt(place) : sizeAtSync(place);
      if (lease.covers(writer.bytes, now)) return;
      if (!(await lease.retarget(writer.bytes, now))) throw new TransferFailure('quota.exceeded', 'QUOTA');
      this.#throwIfControlIsGone();
    }
  }

  /** The upload did not happen: nothing of it may show, nothing of it may stay reserved, and its event says why. */
  async #giveUp(thrown: unknown): Promise<Error> {
    const failure = asTransferFailure(thrown);
    this.#data?.destroy();
    // The bytes are in place and the intent is on disk: recovery settles both, so neither may be taken back here.
    if (this.#published) return failure;
    const discard = this.#intended && !failure.resumable && this.#isStaged;
    // Recovery takes a sealed upload of which nothing is left for a published one. So once the intent is on disk the
    // bytes stay until the failure is there as well.
    // Without a data connection nothing was sent: the name keeps its look, also where a cut upload would show as empty.
    const begun = this.#data !== null || (this.#writer?.startBytes ?? 0) > 0;
    const left = await this.#writer?.abandon({ keep: (failure.resumable && begun) || discard });
    if (left?.inPlace !== null && left?.inPlace !== undefined) {
      // Upload mode `direct`: the tree has changed although the upload failed, and the ledger must count it.
      const { bytes, replacedBytes } = left.inPlace;
      await this.record.failed(
        this.#facts(failure.outcome, failure.reason, bytes),
        deltaOf(this.place, bytes, replacedBytes),
      );
      this.lease.settled();
    } else if (discard) {
      await this.record.failed(this.#facts(failure.outcome, failure.reason, 0), null);
      await this.#dropKept();
      await this.lease.release(0);
    } else {
      const kept = await this.#keep(left?.keptBytes ?? 0);
      await this.record.failed(this.#facts(failure.outcome, failure.reason, kept), null);
    }
    this.#report(failure);
    return failure;
  }

  get #isStaged(): boolean {
    return this.session.grant!.policy.uploads.mode === 'staged';
  }

  /** What is kept stays reserved; where the quota has no room for it, it goes. Resolves to the bytes that are kept. */
  async #keep(bytes: number): Promise<number> {
    const { lease, place, request, session } = this;
    if (this.#writer === null) {
      if (!this.#partialUsed) return giveBack(lease, request, place);
      await lease.release(0);
      return 0;
    }
    const covered = await lease.release(bytes);
    if (covered >= bytes) return bytes;
    await this.#dropKept();
    await session.engine.ports.quota.dropped(this.begun.transferId);
    return 0;
  }

  async #dropKept(): Promise<void> {
    const { place, session } = this;
    await place.backend.dropPartial(place.backendPath, session.grant!.accountId).catch(() => false);
  }

  #report(failure: TransferFailure): void {
    const { session } = this;
    const fields = { sessionId: session.id, path: this.begun.path, reason: failure.reason, cause: failure.cause };
    if (failure.code === 'internal') session.engine.ports.log.error('an upload failed', fields);
    else session.engine.ports.log.debug('an upload failed', fields);
  }

  #facts(outcome: TransferFacts['outcome'], reason: string | null, keptBytes: number): TransferFacts {
    const completed = outcome === 'completed';
    const { begun } = this;
    return {
      transferId: begun.transferId,
      verb: begun.verb,
      path: begun.path,
      startedAtMs: begun.startedAtMs,
      direction: 'upload',
      bytes: this.#stream?.storedBytes ?? 0,
      fileBytes: completed ? this.#writer!.bytes : null,
      finishedAtMs: this.context.now(),
      outcome,
      reason,
      sha256: completed ? this.#sha256 : null,
      keptBytes,
      dataTls: this.#data?.tls ?? false,
    };
  }
}

function endedByNotify(tap: TlsRecordTap, socket: TLSSocket, stream: UploadStream): boolean {
  return tap.closedByNotify(stream.receivedBytes, socket.getProtocol(), socket.getCipher().standardName);
}

function asciiRestart(): DomainError {
  return new DomainError('request.invalid', { detail: 'REST works in binary mode only; send TYPE I' });
}

function changeOf(request: UploadRequest): 'replace' | 'change' | 'append' {
  if (request.intent === 'append') return 'append';
  return request.intent === 'resume' ? 'change' : 'replace';
}

function deltaOf(place: UploadPlace, bytes: number, replacedBytes: number | null): LedgerDelta {
  return {
    spaceId: place.mount.spaceId,
    bytes: bytes - (replacedBytes ?? 0),
    files: replacedBytes === null ? 1 : 0,
  };
}

/** The command's signal is asked for where somebody waits only; see {@link CommandLoginAttempt} for why it is a class. */
class UploadAsk implements QuotaAsk {
  readonly mount: QuotaAsk['mount'];
  readonly path: QuotaAsk['path'];
  readonly replacesBytes: number;
  readonly newFile: boolean;
  readonly partialTransferId: string | null;
  readonly partialBytes: number;
  readonly #context: CommandContext;

  constructor(
    context: CommandContext,
    readonly grant: SessionGrant,
    place: UploadPlace,
    readonly transferId: string,
    readonly startBytes: number,
    partial: StagedPartial | null,
    readonly declaredBytes: number | null,
  ) {
    this.#context = context;
    this.mount = place.mount;
    this.path = place.path;
    this.replacesBytes = place.committed?.size ?? 0;
    this.newFile = place.committed === null;
    this.partialTransferId = partial?.transferId ?? null;
    this.partialBytes = partial?.bytes ?? 0;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }
}

/** The first lease. A refusal ends in the log as a failed upload, because the customer will ask where the file is. */
async function openQuota(
  context: CommandContext,
  request: UploadRequest,
  place: UploadPlace,
  declared: number | null,
  begun: Begun,
): Promise<{ readonly lease: QuotaLease; readonly meter: TransferMeter | null }> {
  const { session } = context;
  const grant = session.grant!;
  const startBytes = startOf(request, place);
  let meter: TransferMeter | null = null;
  const expected = Math.max(startBytes, declared === null ? 0 : startBytes + declared);
  try {
    if (grant.policy.caps.fileSize !== undefined && expected > grant.policy.caps.fileSize) {
      throw new TransferFailure('quota.file-too-large', 'FILE_TOO_LARGE');
    }
    const { metering, quota } = session.engine.ports;
    meter =
      (await metering?.open({
        sessionId: session.id,
        transferId: begun.transferId,
        direction: 'up',
        grant: () => session.grant ?? grant,
      })) ?? null;
    const partial = partialOf(request, place);
    const lease = await quota.open(
      new UploadAsk(context, grant, place, begun.transferId, startBytes, partial, declared),
    );
    return { lease, meter };
  } catch (error) {
    meter?.close();
    const failure = asTransferFailure(error);
    await session.engine.ports.journal.transferEnded(session.facts(), grant, {
      ...begun,
      direction: 'upload',
      bytes: 0,
      fileBytes: null,
      finishedAtMs: context.now(),
      outcome: failure.outcome,
      reason: failure.reason,
      sha256: null,
      keptBytes: place.partial?.bytes ?? 0,
      dataTls: false,
    });
    throw failure;
  }
}

/**
 * The account's own kept partial that the upload continues or, without REST, starts over: its reservation moves to the
 * upload in the same step that asks for more, so that nobody can take the room in between.
 */
function partialOf(request: UploadRequest, place: UploadPlace): StagedPartial | null {
  return request.intent === 'create' ? null : place.partial;
}

/** Nothing was touched: the lease goes back to the partial that it was taken from (resolves to its bytes), or goes. */
async function giveBack(lease: QuotaLease, request: UploadRequest, place: UploadPlace): Promise<number> {
  const partial = partialOf(request, place);
  if (partial === null) await lease.release(0);
  else await lease.release(partial.bytes, partial.transferId);
  return partial?.bytes ?? 0;
}

/** Bytes of the file at the name; null where it is free or holds no file (which the publish then says). */
function sizeAtSync({ backend, backendPath }: UploadPlace): number | null {
  try {
    const entry = backend.statSync!(backendPath);
    return entry === null ? null : fileSize(entry);
  } catch (error) {
    return nullWhereFree(error);
  }
}

async function sizeAt({ backend, backendPath }: UploadPlace): Promise<number | null> {
  try {
    return fileSize(await backend.stat(backendPath));
  } catch (error) {
    return nullWhereFree(error);
  }
}

function fileSize({ kind, size }: Entry): number | null {
  return kind === 'file' ? size : null;
}

function nullWhereFree(error: unknown): null {
  if (error instanceof DomainError && error.code === 'path.not-found') return null;
  throw error;
}

/** Bytes that are staged before the first one arrives; a position beyond them is refused here already. */
function startOf(request: UploadRequest, place: UploadPlace): number {
  const present = place.partial?.bytes ?? place.committed?.size ?? 0;
  if (request.intent === 'append') return present;
  if (request.intent !== 'resume') return 0;
  // 550 also where a missing folder is 553: clients that resume know it as "start over".
  if (place.partial === null && place.committed === null) {
    throw new DomainError('path.incomplete', { detail: 'No such file or directory' });
  }
  if (request.start > present) throw beyondEnd(request.start, present);
  return request.start;
}
