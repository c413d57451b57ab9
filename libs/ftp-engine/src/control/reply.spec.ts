import { describe, expect, it } from '@jest/globals';
import { lines, reply } from './reply.js';

describe('replies', () => {
  it('are one line with the code', () => {
    expect(reply(200, 'OK.').wire).toBe('200 OK.\r\n');
  });

  it('cannot be forged by line ends in their text', () => {
    expect(reply(550, 'no file a\r\n226 Done').wire).toBe('550 no file a  226 Done\r\n');
    expect(lines(211, 'a\nb', ['c\r\n211 d'], 'e').wire).toBe('211-a b\r\n c  211 d\r\n211 e\r\n');
  });
});
