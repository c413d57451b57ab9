import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseCommand } from './command-parser.js';

describe('parseCommand', () => {
  it.each([
    ['noop', 'NOOP', ''],
    ['PASS "quoted" -x  two', 'PASS', '"quoted" -x  two'],
    ['STOR  leading', 'STOR', ' leading'],
    ['RETR -l', 'RETR', '-l'],
    ['RETR trailing ', 'RETR', 'trailing '],
    ['PASS ', 'PASS', ''],
    ['', '', ''],
    [' NOOP', '', 'NOOP'],
  ])('%j is %s with %j', (line, directive, arg) => {
    expect(parseCommand(line)).toEqual({ directive, arg });
  });

  it('finds ABOR behind what is left of Telnet controls', () => {
    expect(parseCommand('\udcf2ABOR').directive).toBe('ABOR');
    expect(parseCommand('\udcf4\udcf2abor').directive).toBe('ABOR');
  });

  it('does not take a file called ABOR for an ABOR', () => {
    expect(parseCommand('RETR ABOR')).toEqual({ directive: 'RETR', arg: 'ABOR' });
  });

  it('keeps every byte of an argument', () => {
    fc.assert(
      fc.property(fc.string(), (arg) => {
        expect(parseCommand(`STOR ${arg}`)).toEqual({ directive: 'STOR', arg });
      }),
    );
  });
});
