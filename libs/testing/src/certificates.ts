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
