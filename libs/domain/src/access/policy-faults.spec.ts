import { describe, expect, it } from '@jest/globals';
import { policyFaults } from './policy-faults.js';
import { CAPS } from './policy-rules.js';

const fields = (rules: unknown) => policyFaults(rules).map(({ field }) => field);
const window = { days: ['mon'], from: '08:00', to: '24:00', timeZone: 'Europe/Berlin' };

describe('faults of policy rules', () => {
  it('has nothing against a full policy', () => {
    expect(
      policyFaults({
        paths: [
          { path: '/in/**', allow: ['upload'] },
          { path: '/*.php', deny: ['download'] },
        ],
        names: { allow: ['*.csv'], deny: ['*.php'], hide: ['.*'] },
        addresses: { allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.1.1.1'] },
        protocols: { ftp: false, ftps: true, tls: 'required', sessionReuse: 'require' },
        times: [window],
        expiresAt: '2027-02-28T23:59:59.5+02:00',
        caps: Object.fromEntries(CAPS.map((cap, index) => [cap, index])),
        uploads: { mode: 'direct', receipts: false, partialTtlHours: 0.5 },
      }),
    ).toEqual([]);
    expect(policyFaults({})).toEqual([]);
  });

  it.each([
    [null, 'rules'],
    [[], 'rules'],
    [{ colour: 'red' }, 'rules.colour'],
    [{ toString: 1 }, 'rules.toString'],
    [{ paths: {} }, 'rules.paths'],
    [{ paths: [{ path: 'in', allow: [] }] }, 'rules.paths.0.path'],
    [{ paths: [{ path: '/in/[', allow: [] }] }, 'rules.paths.0.path'],
    [{ paths: [{ allow: [] }] }, 'rules.paths.0.path'],
    [{ paths: [{ path: '/in' }] }, 'rules.paths.0'],
    [{ paths: [{ path: '/in', allow: ['write'] }] }, 'rules.paths.0.allow.0'],
    [{ paths: [{ path: '/in', alow: ['upload'], deny: [] }] }, 'rules.paths.0.alow'],
    [{ names: { deny: ['a/b'] } }, 'rules.names.deny.0'],
    [{ names: { deny: ['*.{php,phtml}'] } }, 'rules.names.deny.0'],
    [{ names: { deny: [7] } }, 'rules.names.deny.0'],
    [{ addresses: { allow: ['10.0.0.0/33'] } }, 'rules.addresses.allow.0'],
    [{ addresses: { deny: ['example.org'] } }, 'rules.addresses.deny.0'],
    [{ protocols: { ftp: 'yes' } }, 'rules.protocols.ftp'],
    [{ protocols: { tls: 'always' } }, 'rules.protocols.tls'],
    [{ times: [{ ...window, timeZone: 'Mars/Base' }] }, 'rules.times.0.timeZone'],
    [{ times: [{ ...window, from: '24:00' }] }, 'rules.times.0.from'],
    [{ times: [{ ...window, to: '8:00' }] }, 'rules.times.0.to'],
    [{ times: [{ ...window, days: [] }] }, 'rules.times.0.days'],
    [{ times: [{ ...window, days: ['Monday'] }] }, 'rules.times.0.days.0'],
    [{ expiresAt: '2027-02-30T00:00:00Z' }, 'rules.expiresAt'],
    [{ expiresAt: 'tomorrow' }, 'rules.expiresAt'],
    [{ expiresAt: '2027-01-01' }, 'rules.expiresAt'],
    [{ caps: { sessions: -1 } }, 'rules.caps.sessions'],
    [{ caps: { fileSize: 1.5 } }, 'rules.caps.fileSize'],
    [{ caps: { fileSize: 2 ** 53 } }, 'rules.caps.fileSize'],
    [{ caps: { seshuns: 1 } }, 'rules.caps.seshuns'],
    [{ uploads: { mode: 'atomic' } }, 'rules.uploads.mode'],
    [{ uploads: { partialTtlHours: -1 } }, 'rules.uploads.partialTtlHours'],
  ])('of %j are at %s', (rules, field) => {
    expect(fields(rules)).toEqual([field]);
  });

  it('are all named at once, below the field that the caller gives', () => {
    const faults = policyFaults({ caps: { sessions: -1, uploadRate: 'fast' }, expiresAt: 'never' }, '');
    expect(faults.map(({ field }) => field)).toEqual(['caps.sessions', 'caps.uploadRate', 'expiresAt']);
  });

  it('bound what a policy may hold', () => {
    const paths = Array.from({ length: 101 }, () => ({ path: '/a', deny: ['list'] }));
    expect(fields({ paths })).toEqual(['rules.paths']);
  });
});
