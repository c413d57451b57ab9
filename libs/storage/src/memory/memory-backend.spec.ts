import { describe, expect, it } from '@jest/globals';
import { newId, parsePath } from '@quayside/domain';
import { describeStorageBackend } from '../conformance.js';
import { MemoryBackend } from './memory-backend.js';
import { MemoryStore } from './memory-store.js';

describeStorageBackend('the memory backend', async () => {
  const store = new MemoryStore();
  return {
    backend: new MemoryBackend(store),
    reopen: () => new MemoryBackend(store),
    another: () => new MemoryBackend(),
    cleanUp: async () => undefined,
  };
});

describe('a memory store with a capacity', () => {
  it('is full when it is full, and counts what is staged', async () => {
    const backend = new MemoryBackend(new MemoryStore(10));
    const target = { path: parsePath('/file'), accountId: 'a', transferId: newId() };
    const writer = await backend.openWrite(target, { mode: 'staged', intent: 'replace', start: 0 });
    await writer.write([Buffer.alloc(8)]);
    expect(await backend.freeBytes()).toBe(2);
    await expect(writer.write([Buffer.alloc(3)])).rejects.toMatchObject({ code: 'storage.full' });
    expect((await writer.abandon({ keep: true })).keptBytes).toBe(8);
  });
});
