import { DomainError, nameOf, newId, type VirtualPath } from '@quayside/domain';
import type { OpenFile } from '@quayside/storage';
import type { CommandContext } from '../commands/define-command.js';
import { type Reply, reply } from '../control/reply.js';
import type { TransferFacts, TransferMeter } from '../ports.js';
import type { Session } from '../session/session.js';
import { AsciiEncoder } from './ascii.js';
import { DownloadStream } from './download-stream.js';
import { closeData, type DataConnection, openData } from './open-data.js';
import { beyondEnd } from './restart.js';
import { Pace } from './rates.js';
import { sendFileDescriptorOf, SendFileStream } from './send-file-stream.js';
import { asTransferFailure } from './transfer-failure.js';

/** RFC 959 RETR: permission → open → position → data connection and 150 → bytes → FIN → logged → 226. */
export async function download(context: CommandContext, path: VirtualPath): Promise<Reply> {
  const { session, verb } = context;
  const start = session.takeRestart();
  const file = await session.fs!.openRead(path, verb);
  try {
    if (start > 0 && session.type === 'A') {
      throw new DomainError('request.invalid', { detail: 'REST works in binary mode only; send TYPE I' });
    }
    if (start > file.entry.size) throw beyondEnd(start, file.entry.size);
    const transferId = newId();
    const meter = await meterOf(session, transferId);
    try {
      return await new DownloadRun(context, path, file, start, transferId, new Pace(session, 'down', meter)).run();
    } finally {
      meter?.close();
    }
  } finally {
    await file.close();
  }
}

/** RETR with the month's traffic used up is refused before its 150 (450: 552 is no reply of RETR). */
async function meterOf(session: Session, transferId: string): Promise<TransferMeter | null> {
  const { metering } = session.engine.ports;
  if (metering === undefined) return null;
  return metering.open({ sessionId: session.id, transferId, direction: 'down', grant: () => session.grant! });
}

class DownloadRun {
  readonly #startedAtMs: number;
  #data: DataConnection | null = null;
  #sentBytes = 0;

  constructor(
    readonly context: CommandContext,
    readonly path: VirtualPath,
    readonly file: OpenFile,
    readonly start: number,
    readonly transferId: string,
    readonly pace: Pace,
  ) {
    this.#startedAtMs = context.now();
  }

  async run(): Promise<Reply> {
    const { context, path } = this;
    const { session } = context;
    session.activity = {
      verb: context.verb,
      path,
      transferId: this.transferId,
      startedAtMs: this.#startedAtMs,
      bytes: 0,
    };
    try {
      this.#data = await openData(context, this.#preliminary());
      await this.#send(this.#data);
      await this.#ended('completed', null);
      session.transfers++;
      return reply(226, `Transfer complete; ${this.#sentBytes} bytes`);
    } catch (error) {
      const failure = asTransferFailure(error);
      this.#data?.destroy();
      await this.#ended(failure.outcome, failure.reason);
      throw failure;
    } finally {
      session.activity = null;
      session.bytesDown += this.#sentBytes;
    }
  }

  /** Many clients read the size from here, which is true in binary mode only. */
  #preliminary(): string {
    const { session } = this.context;
    const name = nameOf(this.path);
    if (session.type === 'A') return `Opening ASCII mode data connection for ${name}`;
    return `Opening BINARY mode data connection for ${name} (${this.file.entry.size} bytes)`;
  }

  async #send(data: DataConnection): Promise<void> {
    const { context, file, start } = this;
    const { session } = context;
    const { buffers } = session.engine.data;
    const left = file.entry.size - start;
    if (file.readSync !== null && left <= buffers.bufferBytes && session.type === 'I' && this.pace.isFree) {
      await this.#sendSmall(data, left);
      return;
    }
    const common = {
      socket: data.socket,
      start,
      pace: this.pace,
      stallMs: session.engine.options.timeouts.stall,
      signal: context.signal,
      onProgress: (bytes: number) => {
        if (session.activity !== null) session.activity.bytes = bytes;
      },
    };
    const stream = this.#kernelMaySend(data)
      ? new SendFileStream({ ...common, fileFd: file.fd!, length: left })
      : new DownloadStream({ ...common, file, buffers, encoder: session.type === 'A' ? new AsciiEncoder() : null });
    try {
      await stream.run();
    } finally {
      this.#sentBytes = stream.sentBytes;
    }
    await closeData(data.socket, { signal: context.signal, stallMs: session.engine.options.timeouts.stall });
  }

  /** Bytes that nothing changes on the way need not pass through this process. */
  #kernelMaySend(data: DataConnection): boolean {
    const { session } = this.context;
    if (!session.engine.options.sendFile || data.tls || session.type === 'A' || this.file.fd === null) return false;
    return sendFileDescriptorOf(data.socket) !== null;
  }

  /** A file of one buffer: read without a thread-pool hop, and sent with the FIN in one go. */
  async #sendSmall(data: DataConnection, length: number): Promise<void> {
    const { context, file, start } = this;
    const { buffers } = context.session.engine.data;
    const buffer = buffers.take();
    let bytes = 0;
    while (bytes < length) {
      const read = file.readSync!(buffer, bytes, length - bytes, start + bytes);
      if (read === 0) break;
      bytes += read;
    }
    await closeData(data.socket, {
      last: buffer.subarray(0, bytes),
      signal: context.signal,
      stallMs: context.session.engine.options.timeouts.stall,
    });
    buffers.give(buffer);
    this.#sentBytes = bytes;
  }

  async #ended(outcome: TransferFacts['outcome'], reason: string | null): Promise<void> {
    const { session, verb } = this.context;
    await session.engine.ports.journal.transferEnded(session.facts(), session.grant!, {
      transferId: this.transferId,
      direction: 'download',
      verb,
      path: this.path,
      bytes: this.#sentBytes,
      fileBytes: null,
      startedAtMs: this.#startedAtMs,
      finishedAtMs: this.context.now(),
      outcome,
      reason,
      sha256: null,
      keptBytes: 0,
      dataTls: this.#data?.tls ?? false,
    });
  }
}
