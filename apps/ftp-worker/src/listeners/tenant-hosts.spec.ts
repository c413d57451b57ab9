import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { TenantHosts } from './tenant-hosts.js';

it('does not remember a tenant that was looked up before the last change', async () => {
  const asked: ((record: null) => void)[] = [];
  const hosts = new TenantHosts({
    findHost: () => new Promise((resolve) => asked.push(resolve)),
    haveCertificates: async () => false,
  });
  const early = hosts.find('ftp.acme.example');
  hosts.forget({ domains: false });
  asked[0]!(null);
  expect(await early).toBeNull();
  const late = hosts.find('ftp.acme.example');
  expect(asked).toHaveLength(2);
  asked[1]!(null);
  expect(await late).toBeNull();
  expect(await hosts.find('ftp.acme.example')).toBeNull();
  expect(asked).toHaveLength(2);
});

/** With the answers to whether there are certificates in the hand of the test. */
function hostsWithAnswers() {
  const asked: { readonly resolve: (have: boolean) => void; readonly reject: (error: Error) => void }[] = [];
  const hosts = new TenantHosts({
    findHost: async () => null,
    haveCertificates: () => new Promise((resolve, reject) => asked.push({ resolve, reject })),
  });
  return { hosts, asked };
}

describe('whether hosts have certificates', () => {
  it('is taken for true until it is known, and again when a domain changes', async () => {
    const { hosts, asked } = hostsWithAnswers();
    expect(hosts.haveCertificates()).toBe(true);
    hosts.forget({ domains: true });
    asked[0]!.resolve(false);
    await turn();
    expect(hosts.haveCertificates()).toBe(false);
    hosts.forget({ domains: true });
    expect(hosts.haveCertificates()).toBe(true);
    asked[1]!.resolve(true);
    await turn();
    expect(hosts.haveCertificates()).toBe(true);
  });

  it('is not asked again for a change of tenants', async () => {
    const { hosts, asked } = hostsWithAnswers();
    hosts.forget({ domains: true });
    asked[0]!.resolve(false);
    await turn();
    hosts.forget({ domains: false });
    expect(hosts.haveCertificates()).toBe(false);
    expect(asked).toHaveLength(1);
  });

  it('does not believe an answer that a change has overtaken, and asks once for many changes', async () => {
    const { hosts, asked } = hostsWithAnswers();
    for (let change = 0; change < 5; change++) hosts.forget({ domains: true });
    asked[0]!.resolve(false);
    await turn();
    expect(hosts.haveCertificates()).toBe(true);
    expect(asked).toHaveLength(2);
    asked[1]!.resolve(false);
    await turn();
    expect(hosts.haveCertificates()).toBe(false);
  });

  it('stays unknown where the database is away, and is asked again with the next change', async () => {
    const { hosts, asked } = hostsWithAnswers();
    hosts.forget({ domains: true });
    asked[0]!.reject(new Error('away'));
    await turn();
    expect(hosts.haveCertificates()).toBe(true);
    hosts.forget({ domains: true });
    asked[1]!.resolve(false);
    await turn();
    expect(hosts.haveCertificates()).toBe(false);
  });
});
