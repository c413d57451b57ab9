import type { Server } from 'node:net';

/** How a listener treats TLS on the control connection. */
export type ListenerTls = 'off' | 'explicit' | 'required' | 'implicit';

/** Where a listener takes its connections from. */
export interface ListenerOptions {
  readonly name: string;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** An already bound listening descriptor (SO_REUSEPORT); `host` and `port` are then only for the logs. */
  readonly fd?: number | undefined;
  /** `required` is explicit TLS without which USER is refused. */
  readonly tls: ListenerTls;
  /** Of the listener, over the engine's. */
  readonly publicAddress?: string | null;
  readonly activeMode?: boolean;
}

/** The address that PASV announces to clients of a network (NAT seen from inside and outside). */
export interface MasqueradeRule {
  /** CIDR block of the client. */
  readonly clients: string;
  /** Dotted quad. */
  readonly address: string;
}

export interface CertificatePair {
  /** PEM; the chain follows the certificate. */
  readonly cert: string;
  readonly key: string;
}

/** Who may vouch for client certificates. */
export interface ClientAuthorities {
  /** PEM certificates. */
  readonly ca: string;
  /** PEM revocation lists; with one of them, every authority needs one. */
  readonly crl: readonly string[];
}

/** All in milliseconds. */
export interface EngineTimeouts {
  /** From the accepted connection to the login. */
  readonly login: number;
  /** Without a command; does not run during transfers. */
  readonly idle: number;
  /** For the TLS handshake, on the control and on a data connection. */
  readonly handshake: number;
  /** For the data connection after the transfer command. */
  readonly dataConnect: number;
  /** Without a byte on the data connection. */
  readonly stall: number;
  /** Replies that the client leaves unread, past which the connection is dropped. */
  readonly unread: number;
  /** Between a reply that ends the session and the forced close. */
  readonly close: number;
}

export interface EngineLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Bytes of one command line without its end. */
  readonly commandLineBytes: number;
  /** Commands that may wait behind a running one before reading stops. */
  readonly queuedCommands: number;
  readonly queuedBytes: number;
  /** Reply bytes that a client may leave unread before its commands stop being run. */
  readonly unreadReplyBytes: number;
  readonly commandsBeforeLogin: number;
  readonly loginFailures: number;
  /** Delay after the n-th failed login is n times this, in milliseconds. */
  readonly loginFailureDelay: number;
}

/** What a host gives; everything left out takes the default of {@link resolveOptions}. */
export interface EngineOptions {
  readonly listeners: readonly ListenerOptions[];
  readonly certificate?: CertificatePair | null;
  /** Clients are asked for a certificate of theirs, which may name their account; null asks for none. */
  readonly clientAuthorities?: ClientAuthorities | null;
  /** IPv4 announced in 227; null for the local address of the control connection. */
  readonly publicAddress?: string | null;
  readonly masquerade?: readonly MasqueradeRule[];
  /** Inclusive range of the passive ports; `{ min: 0, max: 0 }` takes `passivePoolSize` free ports. */
  readonly passivePorts?: { readonly min: number; readonly max: number };
  readonly passivePoolSize?: number;
  /** PORT and EPRT; off answers 502. */
  readonly activeMode?: boolean;
  /** Before a policy says otherwise. */
  readonly sessionReuse?: 'off' | 'prefer' | 'require';
  /** A TLS upload that ends without close_notify: `compat` takes it as complete, `strict` as incomplete. */
  readonly tlsUploadEnd?: 'compat' | 'strict';
  /** Plain downloads from files with a descriptor go by sendfile(2) where the system has it. */
  readonly sendFile?: boolean;
  /** fdatasync before the 226 of an upload. */
  readonly uploadFsync?: boolean;
  /**
   * CIDR blocks of proxies: connections from them, on control and data ports, must begin with a PROXY protocol header
   * (v1 or v2) that says whose they are. Anybody else's header is no header.
   */
  readonly proxyTrusted?: readonly string[];
  /** HOST, SNI and tenants in login names. */
  readonly tenants?: boolean;
  readonly welcome?: string;
  /** Asked before the greeting; a text refuses the address with 421. */
  readonly admit?: (remoteAddress: string) => string | null;
  readonly timeouts?: Partial<EngineTimeouts>;
  readonly limits?: Partial<EngineLimits>;
}

export type ResolvedEngineOptions = {
  readonly [K in Exclude<keyof EngineOptions, 'timeouts' | 'limits'>]: Required<EngineOptions>[K];
} & { readonly timeouts: EngineTimeouts; readonly limits: EngineLimits };

const TIMEOUTS: EngineTimeouts = {
  login: 60_000,
  // RFC 1123 §4.1.3.2: at least five minutes.
  idle: 300_000,
  handshake: 20_000,
  dataConnect: 30_000,
  stall: 300_000,
  unread: 60_000,
  close: 2_000,
};

const LIMITS: EngineLimits = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 10_000,
  commandLineBytes: 4096,
  queuedCommands: 4096,
  queuedBytes: 128 * 1024,
  unreadReplyBytes: 256 * 1024,
  commandsBeforeLogin: 200,
  loginFailures: 5,
  loginFailureDelay: 1000,
};

export function resolveOptions(options: EngineOptions): ResolvedEngineOptions {
  return {
    listeners: options.listeners,
    certificate: options.certificate ?? null,
    clientAuthorities: options.clientAuthorities ?? null,
    publicAddress: options.publicAddress ?? null,
    masquerade: options.masquerade ?? [],
    passivePorts: options.passivePorts ?? { min: 0, max: 0 },
    passivePoolSize: options.passivePoolSize ?? 16,
    activeMode: options.activeMode ?? true,
    sessionReuse: options.sessionReuse ?? 'prefer',
    tlsUploadEnd: options.tlsUploadEnd ?? 'compat',
    sendFile: options.sendFile ?? true,
    uploadFsync: options.uploadFsync ?? true,
    proxyTrusted: options.proxyTrusted ?? [],
    tenants: options.tenants ?? true,
    welcome: options.welcome ?? 'Quayside ready',
    admit: options.admit ?? (() => null),
    timeouts: { ...TIMEOUTS, ...options.timeouts },
    limits: { ...LIMITS, ...options.limits },
  };
}

/** A listener that is open. */
export interface ListenerAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: ListenerTls;
}

/** The net.Server behind a listener, for hosts that hand descriptors around. */
export type ListenerServer = Server;
