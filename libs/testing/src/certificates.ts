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
  };
}
