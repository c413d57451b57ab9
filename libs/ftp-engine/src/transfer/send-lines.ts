import { decodeName } from '@quayside/storage';
import type { CommandContext } from '../commands/define-command.js';
import { type Reply, reply } from '../control/reply.js';
import { AwaitableWrites } from './awaitable-writes.js';
import { closeData, openData } from './open-data.js';
import { asTransferFailure } from './transfer-failure.js';

/** Text that is gathered before it is written, so that a long listing is few large writes. */
const WRITE_CHARACTERS = 64 * 1024;

/**
 * A listing over the data connection: text pages in order, CRLF already in them. The first page goes out at once, so that
 * the client sees a long listing begin; later ones are gathered. Waits for a slow client, so memory stays flat.
 */
export async function sendLines(context: CommandContext, pages: AsyncIterator<string>): Promise<Reply> {
  const { session, signal } = context;
  // RFC 3659 §5: REST is for the transfer that follows, and this is one.
  session.restartOffset = 0;
  // What cannot be listed is refused before the 150.
  const first = await pages.next();
  const { socket } = await openData(context, 'Here comes the directory listing');
  const writes = new AwaitableWrites(socket, session.engine.options.timeouts.stall, signal);
  try {
    let text = first.done === true ? '' : first.value;
    let early = true;
    for (;;) {
      const next = await pages.next();
      const done = next.done === true;
      if (text.length >= WRITE_CHARACTERS || (early && text !== '')) {
        if (!done) {
          await writes.write(decodeName(text));
          text = '';
          early = false;
        }
      }
      if (done) break;
      text += next.value;
    }
    await writes.idle();
    await closeData(socket, {
      last: decodeName(text),
      signal,
      stallMs: session.engine.options.timeouts.stall,
    });
    return reply(226, 'Directory send OK');
  } catch (error) {
    socket.destroy();
    throw asTransferFailure(error);
  } finally {
    writes.stop();
    await pages.return?.();
  }
}
