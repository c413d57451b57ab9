import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LocalBackend } from '@quayside/storage';
import { type EngineFixture, startEngine, type RawFtpClient } from '@quayside/testing';

const BYTES = 5_000_001;
const content = randomBytes(BYTES);

describe.each([true, false])('downloads of files on disk, by sendfile: %s', (sendFile) => {
  let folder: string;
  let fixture: EngineFixture;
  let client: RawFtpClient;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-sendfile-'));
    fixture = await startEngine({ sendFile, timeouts: { stall: 400 } });
    const { mounts } = fixture.ports.accounts.get('bob')!.grant;
    const backend = LocalBackend.open({ folder });
    fixture.ports.backends.set(mounts[0]!.mountId, backend);
    mkdirSync(join(folder, 'files'), { recursive: true });
    writeFileSync(join(folder, 'files/a'), content);
    client = await fixture.login();
    await client.expect('TYPE I', 200);
  });
  afterEach(async () => {
    await fixture.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function received(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    return Buffer.concat(chunks);
  }

  it('send every byte, from any position, and meter them', async () => {
    for (const start of [0, 1_000_000, BYTES]) {
      const bytes = received(await client.passive());
      await client.expect(`REST ${start}`, 350);
      await client.expect('RETR a', 150);
      expect((await client.reply()).text).toBe(`226 Transfer complete; ${BYTES - start} bytes\r\n`);
      expect((await bytes).equals(content.subarray(start))).toBe(true);
      const [ended] = fixture.ports.journal.of('transfer.ended').slice(-1);
      expect(ended!.facts).toMatchObject({ outcome: 'completed', bytes: BYTES - start });
    }
  });

  it('end with 426 when the client goes away, is silent for too long, or aborts', async () => {
    const ways: readonly (readonly [string, (data: Socket) => void])[] = [
      ['CONNECTION_RESET', (data) => void data.resetAndDestroy()],
      ['STALLED', (data) => void data.pause()],
      ['CLIENT_ABORT', () => client.write('ABOR\r\n')],
    ];
    writeFileSync(join(folder, 'files/a'), Buffer.alloc(64 * 1024 * 1024));
    for (const [reason, end] of ways) {
      const data = await client.passive();
      data.on('error', () => {});
      await client.expect('RETR a', 150);
      end(data);
      expect([reason, (await client.reply()).code]).toEqual([reason, 426]);
      if (reason === 'CLIENT_ABORT') await client.reply();
      expect(fixture.ports.journal.of('transfer.ended').at(-1)!.facts).toMatchObject({ reason });
      data.destroy();
    }
    const bytes = received(await client.passive());
    await client.expect('RETR a', 150);
    expect((await client.reply()).code).toBe(226);
    expect((await bytes).length).toBe(64 * 1024 * 1024);
  });
});
