import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeName, encodeName, hasEscapedBytes } from './names.js';

describe('names', () => {
  it('leave valid UTF-8 as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(encodeName(Buffer.from(text))).toBe(text);
        expect(decodeName(text)).toEqual(Buffer.from(text));
        expect(hasEscapedBytes(text)).toBe(false);
      }),
    );
  });

  it('carry any bytes there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeName(encodeName(bytes))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it.each([
    ['a lone byte', [0x61, 0xff, 0x62], 'a\uDCFFb'],
    ['latin1 text', [0x67, 0x72, 0xfc, 0xdf, 0x65], 'gr\uDCFC\uDCDFe'],
    ['an overlong slash', [0xc0, 0xaf], '\uDCC0\uDCAF'],
    ['an encoded surrogate', [0xed, 0xb2, 0x80], '\uDCED\uDCB2\uDC80'],
    ['a cut sequence', [0xe6, 0x97], '\uDCE6\uDC97'],
    ['a code point beyond Unicode', [0xf4, 0x90, 0x80, 0x80], '\uDCF4\uDC90\uDC80\uDC80'],
    ['a replacement character among bad bytes', [0xef, 0xbf, 0xbd, 0xff], '\uFFFD\uDCFF'],
  ])('escape %s', (_, bytes, name) => {
    expect(encodeName(Uint8Array.from(bytes))).toBe(name);
    expect(decodeName(name)).toEqual(Buffer.from(bytes));
    expect(hasEscapedBytes(name)).toBe(true);
  });
});
