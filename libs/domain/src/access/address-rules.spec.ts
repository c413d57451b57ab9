import { BlockList, isIP } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { blockContains, compileAddressRules, parseAddress, parseBlock, sourceOf } from './address-rules.js';

const refuses = (rules: Parameters<typeof compileAddressRules>[0], address: string) =>
  compileAddressRules(rules).refusal(parseAddress(address));

describe('an address', () => {
  it.each([
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4%eth0',
    '',
    ':::',
    '1::2::3',
    '12345::',
    '::1.2.3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'g::',
  ])('is not %j', (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  it('reads exactly what node reads as an address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/)), (text) => {
        expect(parseAddress(text) !== null).toBe(isIP(text) !== 0);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is the IPv4 address that it carries', () => {
    expect(parseAddress('::ffff:192.0.2.1')).toEqual(parseAddress('192.0.2.1'));
    expect(parseAddress('::FFFF:c000:0201')).toEqual(parseAddress('192.0.2.1'));
    expect(parseAddress('fe80::1%eth0')).toEqual(parseAddress('fe80::1'));
  });
});

describe('a block', () => {
  it('holds exactly what node says it holds', () => {
    const v4 = fc.record({
      network: fc.ipV4(),
      bits: fc.integer({ min: 0, max: 32 }),
      address: fc.ipV4(),
      family: fc.constant('ipv4' as const),
    });
    const v6 = fc.record({
      network: fc.ipV6(),
      bits: fc.integer({ min: 0, max: 128 }),
      address: fc.ipV6(),
      family: fc.constant('ipv6' as const),
    });
    fc.assert(
      fc.property(fc.oneof(v4, v6), fc.boolean(), ({ network, bits, address, family }, near) => {
        const subject = near ? network : address;
        // Node compares mapped addresses in its own way; ours are IPv4, tested above.
        fc.pre(
          parseAddress(network)!.family === (family === 'ipv4' ? 4 : 6) &&
            parseAddress(subject)!.family === (family === 'ipv4' ? 4 : 6),
        );
        const list = new BlockList();
        list.addSubnet(network, bits, family);
        expect(blockContains(parseBlock(`${network}/${bits}`)!, parseAddress(subject)!)).toBe(
          list.check(subject, family),
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it('of mapped addresses is an IPv4 block', () => {
    expect(parseBlock('::ffff:10.0.0.0/104')).toEqual(parseBlock('10.0.0.0/8'));
    expect(parseBlock('::ffff:10.0.0.0/95')).toBeNull();
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '::/129',
    '10.0.0/8',
    'example.org',
    '10.0.0.0/8 ',
  ])('is not %j', (text) => {
    expect(parseBlock(text)).toBeNull();
  });
});

describe('address rules', () => {
  it('let deny win and refuse what an allow list leaves out', () => {
    const rules = { allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.9.0.0/16'] };
    expect(refuses(rules, '10.1.1.1')).toBeNull();
    expect(refuses(rules, '::ffff:10.1.1.1')).toBeNull();
    expect(refuses(rules, '10.9.1.1')).toBe('deny address 10.9.0.0/16');
    expect(refuses(rules, '192.0.2.1')).toBe('allow only addresses 10.0.0.0/8, 2001:db8::/32');
    expect(refuses(rules, '2001:db8::5')).toBeNull();
  });

  it('refuse what cannot be read only where they say something', () => {
    expect(refuses({}, 'nonsense')).toBeNull();
    expect(refuses({ allow: [], deny: [] }, '192.0.2.1')).toBeNull();
    expect(refuses({ deny: ['10.0.0.0/8'] }, 'nonsense')).not.toBeNull();
  });
});

describe('a source', () => {
  it('is an IPv4 address or the /64 of an IPv6 address', () => {
    expect(sourceOf('192.0.2.1')).toBe('192.0.2.1');
    expect(sourceOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(sourceOf('2001:db8:1:2:aaaa::1')).toBe(sourceOf('2001:db8:1:2:ffff:1:2:3'));
    expect(sourceOf('2001:db8:1:2:aaaa::1')).toBe('2001:db8:1:2::/64');
    expect(sourceOf('2001:db8::1')).toBe('2001:db8::/64');
    expect(sourceOf('::1')).toBe('::/64');
    expect(sourceOf('2001:db8:1:2::1')).not.toBe(sourceOf('2001:db8:1:3::1'));
  });
});
