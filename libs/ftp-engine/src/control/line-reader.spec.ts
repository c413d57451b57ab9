import { describe, expect, it } from '@jest/globals';
import { encodeName } from '@quayside/storage';
import * as fc from 'fast-check';
import { LineReader, OVERLONG } from './line-reader.js';

const CAP = 64;

function readerOf(...chunks: (string | Uint8Array)[]): (string | typeof OVERLONG)[] {
  const reader = new LineReader(CAP, encodeName);
  return chunks.flatMap((chunk) => {
    reader.push(Buffer.from(chunk as string));
    return linesOf(reader);
  });
}

function linesOf(reader: LineReader): (string | typeof OVERLONG)[] {
  const found = [];
  for (let line = reader.next(); line !== null; line = reader.next()) found.push(line);
  return found;
}

/** The same bytes in pieces. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...points, bytes.length].map((end, index) => bytes.subarray(points[index - 1] ?? 0, end));
}

describe('LineReader', () => {
  it('takes CRLF and bare LF as line ends and keeps a CR inside a line', () => {
    expect(readerOf('NOOP\r\nPWD\nSTOR a\rb\r\n\r\n')).toEqual(['NOOP', 'PWD', 'STOR a\rb', '']);
  });

  it('waits for the end of a line that comes in pieces', () => {
    expect(readerOf('US', 'ER b', 'ob\r', '\nPASS')).toEqual(['USER bob']);
  });

  it('gives bytes that are not UTF-8 back as they came', () => {
    expect(readerOf(Buffer.from('RETR caf\xe9\r\n', 'latin1'))).toEqual(['RETR caf\udce9']);
    expect(readerOf('RETR café\r\n')).toEqual(['RETR café']);
  });

  it('strips Telnet interrupt, data mark and option bytes, also across chunks', () => {
    expect(readerOf(Buffer.from([0xff, 0xf4, 0xff, 0xf2]), 'ABOR\r\n')).toEqual(['ABOR']);
    expect(readerOf(Buffer.from([0x4e, 0xff]), Buffer.from([0xfd]), Buffer.from([10, 0x4f, 0x0a]))).toEqual(['NO']);
  });

  it('keeps a doubled 0xFF as one, and one that no Telnet command follows', () => {
    expect(readerOf(Buffer.from([0x61, 0xff, 0xff, 0x62, 0x0a]))).toEqual(['a\udcffb']);
    expect(readerOf(Buffer.from([0x61, 0xff, 0x62, 0x0a]))).toEqual(['a\udcffb']);
  });

  it('takes ABOR without its line feed, which urgent data loses, and skips the line feed if it comes', () => {
    expect(readerOf('ABOR\r', 'NOOP\r\n')).toEqual(['ABOR', 'NOOP']);
    expect(readerOf('ABOR\r', '\nNOOP\r\n')).toEqual(['ABOR', 'NOOP']);
    expect(readerOf(Buffer.from('\xff\xf4\xf2abor\r', 'latin1'), 'NOOP\r\n')).toEqual(['ABOR', 'NOOP']);
    expect(readerOf('RETR ABOR\r', '\n')).toEqual(['RETR ABOR']);
  });

  it.each([
    ['bytes that are not ASCII', ['\none x\r\ntwo caf\xe9\r\nthree\r\n']],
    ['ASCII alone', ['\none x\r\ntwo y\r\nthree\r\n']],
    ['a Telnet control', ['\none x\r\n\xff\xf1two y\r\nthree\r\n']],
    ['the rest of a line', ['\none x\r\ntw', 'o \xe9\r\nthree\r\n']],
  ])('keeps nothing of memory that others are read into, with %s left over', (_, chunks) => {
    const memory = Buffer.alloc(256);
    const reader = new LineReader(CAP, encodeName);
    const first: (string | typeof OVERLONG | null)[] = [];
    for (const chunk of ['ABOR\r', ...chunks]) {
      const length = memory.write(chunk, 'latin1');
      reader.push(memory.subarray(0, length));
      // One line of each chunk only, as behind a command that runs.
      first.push(reader.next());
      reader.keep();
      memory.fill('theirs\r\n');
    }
    const apart = readerOf(...['ABOR\r', ...chunks].map((chunk) => Buffer.from(chunk, 'latin1')));
    expect([...first, ...linesOf(reader)]).toEqual(apart);
  });

  it('reports an overlong line once and runs none of its bytes', () => {
    const long = 'X'.repeat(CAP + 1);
    expect(readerOf(`${long}\r\nNOOP\r\n`)).toEqual([OVERLONG, 'NOOP']);
    expect(readerOf(long, long, 'DELE a', '\r\nNOOP\r\n')).toEqual([OVERLONG, 'NOOP']);
    expect(readerOf(`${'X'.repeat(CAP)}\r\n`)).toEqual(['X'.repeat(CAP)]);
    expect(readerOf('X'.repeat(CAP), '\r', '\n')).toEqual(['X'.repeat(CAP)]);
  });

  it('holds no more than the cap of a line without an end', () => {
    const reader = new LineReader(CAP, encodeName);
    for (let count = 0; count < 1000; count++) {
      reader.push(Buffer.alloc(1024, 0x58));
      expect(reader.next()).toBeNull();
      expect(reader.bufferedBytes).toBeLessThanOrEqual(CAP + 1);
    }
  });

  it('forgets what it holds when it is cleared', () => {
    const reader = new LineReader(CAP, encodeName);
    reader.push(Buffer.from('NOOP\r\nUSER inj'));
    reader.clear();
    expect(reader.bufferedBytes).toBe(0);
    reader.push(Buffer.from('ected\r\n'));
    expect(linesOf(reader)).toEqual(['ected']);
  });

  it('finds the same lines however the bytes are cut', () => {
    const piece = fc.oneof(
      fc.constantFrom('\r\n', '\n', '\r', 'NOOP', ' ', 'ä', '€', '\u{1F600}').map((text) => Buffer.from(text)),
      fc
        .constantFrom([0xff, 0xf4], [0xff, 0xf2], [0xff, 0xff], [0xff, 0xfd, 10], [0xff, 0x41], [0xe9], [0xc3])
        .map((bytes) => Buffer.from(bytes)),
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.nat(), { maxLength: 20 }), (pieces, cuts) => {
        const bytes = Buffer.concat(pieces);
        expect(readerOf(...split(bytes, cuts))).toEqual(readerOf(bytes));
      }),
      { numRuns: 500 },
    );
  });
});
