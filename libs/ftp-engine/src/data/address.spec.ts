import { describe, expect, it } from '@jest/globals';
import { assert, constantFrom, integer, ipV4, ipV6, oneof, property } from 'fast-check';
import {
  canonicalAddress,
  formatExtendedPort,
  formatHostPort,
  parseEpsvArgument,
  parseExtendedAddress,
  parseHostPort,
  protocolOf,
} from './address.js';

const ports = integer({ min: 1, max: 65_535 });

describe('canonicalAddress', () => {
  it('gives IPv4 for an IPv4-mapped address, in either notation', () => {
    expect(canonicalAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(canonicalAddress('::FFFF:c000:0201')).toBe('192.0.2.1');
  });
  it('gives one text for one IPv6 address', () => {
    expect(canonicalAddress('2001:DB8:0:0:0:0:0:1')).toBe('2001:db8::1');
    expect(canonicalAddress('fe80::1%eth0')).toBe('fe80::1');
  });
  it('is null for a host name', () => {
    expect(canonicalAddress('localhost')).toBeNull();
  });
  it('tells the family', () => {
    expect(protocolOf('::ffff:10.0.0.1')).toBe(1);
    expect(protocolOf('::1')).toBe(2);
  });
});

describe('PORT and 227 text', () => {
  it('reads back what it wrote', () => {
    assert(
      property(ipV4(), ports, (host, port) => {
        expect(parseHostPort(formatHostPort({ host, port }))).toEqual({ host, port });
      }),
    );
  });
  it.each([
    '',
    '1,2,3,4,5',
    '1,2,3,4,5,6,7',
    '256,0,0,1,4,0',
    '1,2,3,4,0,0',
    '1.2.3.4,5,6',
    'a,b,c,d,e,f',
    '-1,0,0,1,4,0',
  ])('refuses %j', (text) => {
    expect(parseHostPort(text)).toBeNull();
  });
});

describe('EPRT and 229 text', () => {
  it('reads both families with any delimiter', () => {
    assert(
      property(oneof(ipV4(), ipV6()), ports, constantFrom('|', '!', '@', '#'), (host, port, d) => {
        const protocol = host.includes(':') ? 2 : 1;
        expect(parseExtendedAddress(`${d}${protocol}${d}${host}${d}${port}${d}`)).toEqual({
          host: canonicalAddress(host),
          port,
        });
      }),
    );
  });
  it.each([
    '',
    '|1|1.2.3.4|99999|',
    '|1|1.2.3.4|0|',
    '|1|::1|2000|',
    '|2|1.2.3.4|2000|',
    '|1|1.2.3.4|2000',
    '|x|1.2.3.4|20|',
    '|1|localhost|2000|',
  ])('calls %j a syntax error', (text) => {
    expect(parseExtendedAddress(text)).toBe('syntax');
  });
  it('names an unknown protocol', () => {
    expect(parseExtendedAddress('|3|1.2.3.4|2000|')).toBe('protocol');
  });
  it('writes the port only', () => {
    expect(formatExtendedPort(6446)).toBe('(|||6446|)');
  });
  it.each([
    ['', 'any'],
    [' ', 'any'],
    ['all', 'all'],
    ['1', 1],
    ['2', 2],
    ['3', 'protocol'],
    ['abc', 'syntax'],
  ])('reads EPSV %j as %j', (text, meaning) => {
    expect(parseEpsvArgument(text)).toBe(meaning);
  });
});
