import { type EngineOptions, FtpEngine, type ListenerTls } from '@quayside/ftp-engine';
import { testCertificate } from './certificates.js';
import { FakePorts } from './fake-ports.js';
import { RawFtpClient } from './raw-ftp-client.js';

/** A running engine on free ports of the loopback interface, and clients to it. */
export interface EngineFixture {
  readonly engine: FtpEngine;
  readonly ports: FakePorts;
  /** Port of the listener with this TLS setting. */
  port(tls?: ListenerTls): number;
  /** A client, connected; the greeting is not read. */
  connect(tls?: ListenerTls): Promise<RawFtpClient>;
  /** A client that is logged in as `bob`. */
  login(): Promise<RawFtpClient>;
  /** Ends clients and engine. */
  stop(): Promise<void>;
}

export type FixtureOptions = Partial<EngineOptions> & {
  /** One listener each; `explicit` alone by default. */
  readonly tls?: readonly ListenerTls[];
  readonly withoutCertificate?: boolean;
};

/** Starts an engine with fake ports, the account `bob` / `secret` and short failure delays. */
export async function startEngine({
  tls,
  withoutCertificate,
  ...options
}: FixtureOptions = {}): Promise<EngineFixture> {
  const ports = new FakePorts();
  ports.addAccount();
  const engine = new FtpEngine(
    {
      listeners: (tls ?? ['explicit']).map((mode) => ({ name: mode, host: '127.0.0.1', port: 0, tls: mode })),
      certificate: withoutCertificate === true ? null : await testCertificate(),
      uploadFsync: false,
      ...options,
      limits: { loginFailureDelay: 1, ...options.limits },
    },
    ports,
  );
  await engine.start();
  const clients: RawFtpClient[] = [];
  const port = (mode: ListenerTls = tls?.[0] ?? 'explicit'): number =>
    engine.addresses().find((address) => address.tls === mode)!.port;
  const connect = async (mode?: ListenerTls): Promise<RawFtpClient> => {
    const client =
      mode === 'implicit' ? await RawFtpClient.connectTls(port(mode)) : await RawFtpClient.connect(port(mode));
    clients.push(client);
    return client;
  };
  return {
    engine,
    ports,
    port,
    connect,
    login: async () => {
      const client = await connect();
      await client.login();
      return client;
    },
    stop: async () => {
      for (const client of clients) client.close();
      await engine.stop();
    },
  };
}
