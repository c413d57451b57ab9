import { sign, X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

const made = new Map<string, Promise<TestCertificate>>();

/** A self-signed certificate for host names, made once per process. */
export function testCertificate(...names: string[]): Promise<TestCertificate> {
  const hosts = names.length === 0 ? ['localhost'] : names;
  const id = hosts.join(' ');
  let certificate = made.get(id);
  if (certificate === undefined) {
    certificate = make(hosts);
    made.set(id, certificate);
  }
  return certificate;
}

async function make(hosts: readonly string[]): Promise<TestCertificate> {
  const pems = await generate([{ name: 'commonName', value: hosts[0]! }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: hosts.map((value) => ({ type: 2, value })) }],
  });
  return { cert: pems.cert, key: pems.private };
}

/** The same with an ECDSA key. */
export async function ecCertificate(name: string): Promise<TestCertificate> {
  const pems = await generate([{ name: 'commonName', value: name }], { keyType: 'ec', algorithm: 'sha256' });
  return { cert: pems.cert, key: pems.private };
}

/** Somebody who signs certificates. */
export interface TestAuthority {
  readonly cert: string;
  /** A server's certificate for a host name. */
  issueForHost(host: string): Promise<TestCertificate>;
  /** A certificate for a common name, with e-mail addresses as alternative names. */
  issue(subject: ClientSubject): Promise<TestCertificate>;
  /** Its revocation list (PEM) with these of its certificates in it. */
  revocationList(...revoked: readonly TestCertificate[]): string;
}

export interface ClientSubject {
  readonly commonName: string;
  readonly emails?: readonly string[];
  readonly expired?: boolean;
}

const DAY_MS = 86_400_000;

export async function testAuthority(name = 'Test Authority'): Promise<TestAuthority> {
  const own = await generate([{ name: 'commonName', value: name }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return {
    cert: own.cert,
    issueForHost: async (host) => {
      const pems = await generate([{ name: 'commonName', value: host }], {
        keySize: 2048,
        algorithm: 'sha256',
        ca: { key: own.private, cert: own.cert },
        extensions: [
          { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
          { name: 'extKeyUsage', serverAuth: true },
          { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
        ],
      });
      return { cert: pems.cert, key: pems.private };
    },
    issue: async ({ commonName, emails = [], expired = false }) => {
      const now = Date.now();
      const pems = await generate([{ name: 'commonName', value: commonName }], {
        keySize: 2048,
        algorithm: 'sha256',
        ca: { key: own.private, cert: own.cert },
        notBeforeDate: new Date(now - 2 * DAY_MS),
        notAfterDate: new Date(now + (expired ? -DAY_MS : DAY_MS)),
        extensions: [
          { name: 'keyUsage', digitalSignature: true },
          { name: 'extKeyUsage', clientAuth: true },
          ...(emails.length === 0
            ? []
            : [{ name: 'subjectAltName' as const, altNames: emails.map((value) => ({ type: 1 as const, value })) }]),
        ],
      });
      return { cert: pems.cert, key: pems.private };
    },
    revocationList: (...revoked) => revocationList(name, own.private, revoked),
  };
}

/** A CRL of version 1 (RFC 5280 §5.1), valid for a day. */
function revocationList(issuer: string, key: string, revoked: readonly TestCertificate[]): string {
  const now = Date.now();
  const signature = sequence(der(OID, Buffer.from('2a864886f70d01010b', 'hex')), der(NULL));
  const name = sequence(
    der(SET, sequence(der(OID, Buffer.from('550403', 'hex')), der(UTF8_STRING, Buffer.from(issuer)))),
  );
  const entries = revoked.map(({ cert }) => {
    const serial = Buffer.from(new X509Certificate(cert).serialNumber, 'hex');
    // A leading zero keeps it positive; DER wants it only then.
    const positive = serial[0]! < 0x80 ? serial : Buffer.concat([Buffer.of(0), serial]);
    return sequence(der(INTEGER, positive), utcTime(now - DAY_MS));
  });
  const list = sequence(
    signature,
    name,
    utcTime(now - DAY_MS),
    utcTime(now + DAY_MS),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
  );
  const bits = Buffer.concat([Buffer.of(0), sign('sha256', list, key)]);
  const body = sequence(list, signature, der(BIT_STRING, bits)).toString('base64');
  return `-----BEGIN X509 CRL-----\n${body.replaceAll(/.{1,64}/g, '$&\n')}-----END X509 CRL-----\n`;
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const NULL = 0x05;
const OID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(SEQUENCE, Buffer.concat(parts));
}

function utcTime(atMs: number): Buffer {
  return der(UTC_TIME, Buffer.from(`${new Date(atMs).toISOString().replaceAll(/\D/g, '').slice(2, 14)}Z`));
}

function der(tag: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}
