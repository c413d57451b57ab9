import { describe, expect, it } from '@jest/globals';
import { EventStream } from './event-stream.js';

describe('EventStream', () => {
  it('writes events with their ids, comments, and the end', async () => {
    const stream = new EventStream();
    stream.send('event', { text: 'a\nb' }, 'id-1');
    stream.beat();
    stream.end();
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe(
      'retry: 2000\n\nid: id-1\nevent: event\ndata: {"text":"a\\nb"}\n\n:\n\n',
    );
  });

  it('cuts off a client that does not read, instead of keeping everything for it', () => {
    const stream = new EventStream();
    for (let n = 0; n < 2_000 && !stream.destroyed; n++) stream.send('event', 'x'.repeat(1_000));
    expect(stream.destroyed).toBe(true);
    expect(stream.readableLength).toBeLessThanOrEqual(1_048_576);
    stream.send('event', 'after the end');
  });
});
