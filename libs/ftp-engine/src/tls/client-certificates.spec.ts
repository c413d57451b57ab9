import { once } from 'node:events';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type EngineFixture,
  type FixtureOptions,
  type RawFtpClient,
  startEngine,
  type TestAuthority,
  testAuthority,
  testCertificate,
  type TestCertificate,
} from '@quayside/testing';
import { emailsOf } from './client-certificate.js';

let fixture: EngineFixture;
let authority: TestAuthority;
let bobs: TestCertificate;
beforeAll(async () => {
  authority = await testAuthority();
  bobs = await authority.issue({ commonName: 'bob@acme' });
});
afterEach(() => fixture.stop());

async function start(options: FixtureOptions = {}): Promise<void> {
  fixture = await startEngine({ clientAuthorities: { ca: authority.cert, crl: [] }, ...options });
}

async function secured(certificate: Partial<TestCertificate>, options = {}): Promise<RawFtpClient> {
  const client = await fixture.connect();
  expect((await client.reply()).code).toBe(220);
  await client.secure({ ...certificate, ...options });
  return client;
}

/** What the host is told of the certificate, with a password login. */
async function namesAtLogin(certificate: Partial<TestCertificate>): Promise<readonly string[] | null> {
  const client = await secured(certificate);
  await client.expect('USER bob', 331);
  await client.expect('PASS secret', 230);
  return fixture.ports.attempts.at(-1)!.certificateNames;
}

describe('client certificates', () => {
  it('that name the account answer USER with 232, and a PASS after it with 202', async () => {
    await start();
    const client = await secured(bobs);
    await client.expect('USER bob', 232);
    await client.expect('PASS anything', 202);
    await client.expect('PWD', 257);
    expect(fixture.ports.attempts).toEqual([]);
    expect(fixture.ports.journal.facts('login.succeeded')).toHaveLength(1);
    await client.expect('REIN', 220);
    await client.expect('PASS secret', 503);
    await client.expect('USER bob', 232);
  });

  it('that name somebody else leave USER at 331', async () => {
    await start();
    const client = await secured(await authority.issue({ commonName: 'alice@acme' }));
    await client.expect('USER bob', 331);
    await client.expect('USER nobody', 331);
  });

  it('give their common name and e-mail addresses', async () => {
    await start();
    const certificate = await authority.issue({ commonName: 'Bob', emails: ['rob@acme', 'b@umbrella'] });
    expect(await namesAtLogin(certificate)).toEqual(['Bob', 'rob@acme', 'b@umbrella']);
  });

  it('count as none where none is shown, it is expired, or another authority made it', async () => {
    await start();
    expect(await namesAtLogin({})).toBeNull();
    expect(await namesAtLogin(await authority.issue({ commonName: 'bob@acme', expired: true }))).toBeNull();
    const stranger = await testAuthority('Another Authority');
    expect(await namesAtLogin(await stranger.issue({ commonName: 'bob@acme' }))).toBeNull();
    expect(await namesAtLogin(await testCertificate('bob@acme'))).toBeNull();
  });

  it('count as none once their authority has revoked them, from the next session on', async () => {
    const alices = await authority.issue({ commonName: 'alice@acme' });
    await start({ clientAuthorities: { ca: authority.cert, crl: [authority.revocationList(alices)] } });
    const before = await secured(bobs);
    await before.expect('USER bob', 232);
    fixture.engine.setClientAuthorities({ ca: authority.cert, crl: [authority.revocationList(alices, bobs)] });
    expect(await namesAtLogin(bobs)).toBeNull();
    await (await secured(bobs)).expect('USER bob', 331);
    await before.expect('PWD', 257);
  });

  it('count as none where a list of another authority is all there is', async () => {
    const other = await testAuthority('Other');
    await start({ clientAuthorities: { ca: `${authority.cert}\n${other.cert}`, crl: [other.revocationList()] } });
    expect(await namesAtLogin(bobs)).toBeNull();
  });

  it('are worth nothing from somebody who only has the name of the authority', async () => {
    await start();
    const forger = await testAuthority();
    const forged = await forger.issue({ commonName: 'bob@acme' });
    // OpenSSL leaves the error of a signature that does not fit where Node may take it for the connection's.
    expect(await namesAtLogin(forged).catch(() => null)).toBeNull();
  });

  it('are not asked for without authorities', async () => {
    await start({ clientAuthorities: null });
    expect(await namesAtLogin(bobs)).toBeNull();
  });

  it('count at once, and no longer, when the authorities are replaced', async () => {
    const other = await testAuthority('Other');
    await start({ clientAuthorities: { ca: other.cert, crl: [] } });
    const before = await secured(bobs);
    fixture.engine.setClientAuthorities({ ca: `${authority.cert}\n${other.cert}`, crl: [] });
    await before.expect('USER bob', 331);
    const after = await secured(bobs);
    await after.expect('USER bob', 232);
    fixture.engine.setClientAuthorities({ ca: other.cert, crl: [] });
    await (await secured(bobs)).expect('USER bob', 331);
    await after.expect('PWD', 257);
    expect(() => fixture.engine.setClientAuthorities({ ca: authority.cert, crl: ['nonsense'] })).toThrow(/CRL/i);
    await (await secured(bobs)).expect('USER bob', 331);
  });

  it('count with the certificate of a tenant too', async () => {
    await start();
    const certificate = await testCertificate('ftp.acme.example');
    fixture.ports.tenantHosts.set('ftp.acme.example', { slug: 'acme', welcome: null, certificate });
    const client = await secured(bobs, { servername: 'ftp.acme.example' });
    expect(client.tls.getPeerCertificate().subject.CN).toBe('ftp.acme.example');
    await client.expect('USER bob', 232);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('leave %s data connections to resume as ever', async (version) => {
    await start({ sessionReuse: 'require' });
    const client = await secured(bobs, { maxVersion: version });
    let session = client.tls.getSession();
    client.tls.on('session', (ticket) => {
      session = ticket;
    });
    for (const [line, code] of [
      ['USER bob', 232],
      ['PBSZ 0', 200],
      ['PROT P', 200],
    ] as const) {
      await client.expect(line, code);
    }
    const raw = await client.passive();
    await client.expect('STOR a', 150);
    const data = tlsConnect({ socket: raw, session, maxVersion: version, rejectUnauthorized: false });
    data.on('error', () => {});
    await once(data, 'secureConnect');
    expect(data.isSessionReused()).toBe(true);
    data.end('content');
    expect((await client.reply()).code).toBe(226);
  });

  it('are no part of a session that goes on without them', async () => {
    await start();
    const clear = await fixture.connect();
    await clear.reply();
    await clear.expect('USER bob', 331);
  });
});

describe('emailsOf', () => {
  it('is not led astray by what stands in other names', async () => {
    await start();
    expect(emailsOf('email:bob@acme, DNS:a.example, IP Address:192.0.2.1, email:x@y')).toEqual(['bob@acme', 'x@y']);
    expect(emailsOf('DNS:"a, email:bob@acme", URI:"x\\", email:root@acme"')).toEqual([]);
    expect(emailsOf('email:"bob@acme, DNS:x"')).toEqual(['bob@acme, DNS:x']);
    expect(emailsOf('')).toEqual([]);
  });
});
