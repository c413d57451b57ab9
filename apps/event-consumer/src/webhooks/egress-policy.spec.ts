import { describe, expect, it } from '@jest/globals';
import { destinationOf, isPublicAddress } from './egress-policy.js';

describe('isPublicAddress', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fc00::1',
    'fd12::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '2001:0:a00:1::',
    'not an address',
  ])('refuses %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111'])('takes %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe('destinationOf', () => {
  const strict = { allowPrivate: false, resolve: () => Promise.resolve([{ address: '10.0.0.1' }]) };

  it('takes the first public address of a name', async () => {
    const found = [{ address: '10.0.0.1' }, { address: '93.184.216.34' }];
    const policy = { allowPrivate: false, resolve: () => Promise.resolve(found) };
    const destination = await destinationOf(new URL('https://hooks.example/x'), policy);
    expect(destination).toEqual({ address: '93.184.216.34', family: 4 });
  });

  it.each([
    ['a name of a private address', 'https://internal.example/'],
    ['loopback written as one number', 'https://2130706433/'],
    ['loopback in hexadecimal', 'https://0x7f.1/'],
    ['a mapped address', 'https://[::ffff:127.0.0.1]/'],
    ['plain http', 'http://8.8.8.8/'],
  ])('refuses %s', async (_what, url) => {
    await expect(destinationOf(new URL(url), strict)).rejects.toThrow(/no public address|use https/);
  });

  it('takes private addresses and http where the operator allows them', async () => {
    const destination = await destinationOf(new URL('http://[::1]:8080/'), { allowPrivate: true });
    expect(destination).toEqual({ address: '::1', family: 6 });
  });
});
