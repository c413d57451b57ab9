import { Readable } from 'node:stream';

/** Most bytes that wait for a client that does not read; then it is cut off, and comes back with Last-Event-ID. */
const MAX_WAITING_BYTES = 1_048_576;

/** Server-sent events for one client (WHATWG HTML, section 9.2). */
export class EventStream extends Readable {
  constructor() {
    super({ highWaterMark: MAX_WAITING_BYTES });
    // Headers go out with the first byte. Browsers wait 2 s before they come back.
    this.write('retry: 2000\n\n');
  }

  /** @param id what the client sends back as Last-Event-ID */
  send(event: string, data: unknown, id?: string): void {
    this.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** A comment: keeps proxies from closing a quiet connection. */
  beat(): void {
    this.write(':\n\n');
  }

  end(): void {
    if (!this.destroyed && !this.readableEnded) this.push(null);
  }

  /** What is read is what is written: nothing has to be fetched. */
  override _read(): void {}

  private write(text: string): void {
    if (this.destroyed || this.readableEnded) return;
    if (this.readableLength + text.length > MAX_WAITING_BYTES) this.destroy();
    else this.push(text);
  }
}
