import { describe, expect, it } from '@jest/globals';
import { csvLine } from './csv.js';

describe('csvLine', () => {
  it('quotes what needs quotes and leaves the rest', () => {
    expect(csvLine(['a', 'b,c', 'd"e', 'f\ng', '', null, 7, -7, true])).toBe('a,"b,c","d""e","f\ng",,,7,-7,true\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@x', '\tx', '\rx', '=HYPERLINK("http://x")'])('disarms %j', (text) => {
    expect(csvLine([text]).replace(/^"/, '')).toMatch(/^'/);
  });
});
