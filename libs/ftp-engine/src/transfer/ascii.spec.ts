import { describe, expect, it } from '@jest/globals';
import { array, assert, constantFrom, integer, property } from 'fast-check';
import { AsciiDecoder, AsciiEncoder } from './ascii.js';

const text = array(constantFrom('a', 'b', '\r', '\n', '\r\n'), { maxLength: 60 }).map((parts) => parts.join(''));
const cuts = array(integer({ min: 0, max: 60 }), { maxLength: 8 });

function pieces(whole: string, at: readonly number[]): Uint8Array[] {
  const borders = [0, ...at.filter((cut) => cut < whole.length).toSorted((a, b) => a - b), whole.length];
  return borders.slice(1).map((end, index) => new Uint8Array(Buffer.from(whole.slice(borders[index], end), 'latin1')));
}

function decode(whole: string, at: readonly number[]): string {
  const decoder = new AsciiDecoder();
  const out = pieces(whole, at).map((piece) => Buffer.from(decoder.push(piece)));
  return Buffer.concat([...out, decoder.end() ?? new Uint8Array()]).toString('latin1');
}

function encode(whole: string, at: readonly number[]): string {
  const encoder = new AsciiEncoder();
  return Buffer.concat(pieces(whole, at).map((piece) => Buffer.from(encoder.push(piece)))).toString('latin1');
}

describe('ASCII conversion', () => {
  it('stores CRLF as LF and keeps a bare CR, wherever the chunks are cut', () => {
    assert(
      property(text, cuts, (whole, at) => {
        expect(decode(whole, at)).toBe(whole.replaceAll('\r\n', '\n'));
      }),
    );
  });
  it('sends LF as CRLF and does not double an existing CRLF, wherever the chunks are cut', () => {
    assert(
      property(text, cuts, (whole, at) => {
        expect(encode(whole, at)).toBe(whole.replaceAll(/\r?\n/g, '\r\n'));
      }),
    );
  });
  it('brings a text file back unchanged', () => {
    assert(
      property(
        text.map((whole) => whole.replaceAll('\r', '')),
        cuts,
        cuts,
        (whole, out, back) => {
          expect(decode(encode(whole, out), back)).toBe(whole);
        },
      ),
    );
  });
});
