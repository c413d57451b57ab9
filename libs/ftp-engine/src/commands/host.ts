import { isIPv4, isIPv6 } from 'node:net';
import { greeting } from '../control/greeting.js';
import { type Reply, reply } from '../control/reply.js';
import type { TenantHost } from '../ports.js';
import type { Session } from '../session/session.js';
import { type CommandContext, defineCommand } from './define-command.js';

const OFF = reply(502, 'HOST is not in use on this server.');
const LOGGED_IN = reply(503, 'HOST must come before login.');
const AFTER_TLS = reply(503, 'The certificate was already sent; name the host in the TLS handshake.');
const SYNTAX = reply(501, 'Syntax: HOST <domain name> | <IPv4 address> | [<IPv6 address>]');
const UNKNOWN = reply(504, 'Unknown host.');

/** RFC 1123 §2.1 names: letters, digits, hyphens, dots; no port. */
const DOMAIN = /^(?=.{1,253}\.?$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?$/;

/** RFC 7151 HOST: which tenant's server the client means. Repeatable before login, the last one holds. */
export const host = defineCommand({
  directive: 'HOST',
  syntax: '{{cmd}} <host name>',
  description: 'Name the host that the client connected to',
  rfc: 'RFC 7151 §3',
  flags: { no_auth: true, arg: 'required', feat: (session) => (session.engine.options.tenants ? ['HOST'] : []) },
  handler: (context) => {
    const { session, arg } = context;
    if (!session.engine.options.tenants) return OFF;
    if (session.grant !== null) return LOGGED_IN;
    const address = literalAddress(arg);
    if (address !== null) return chooseAddress(session, address);
    if (!DOMAIN.test(arg) || /^[0-9.]+$/.test(arg)) return SYNTAX;
    return chooseTenant(context, arg.toLowerCase().replace(/\.$/, ''));
  },
});

/** A literal address in its argument form; null for anything else. */
function literalAddress(arg: string): string | null {
  if (isIPv4(arg)) return arg;
  const bracketed = /^\[([0-9A-Fa-f:.]+)\]$/.exec(arg);
  return bracketed !== null && isIPv6(bracketed[1]!) ? bracketed[1]!.toLowerCase() : null;
}

/** RFC 7151 §3.1: a literal must be the address that the client is connected to; it names no tenant. */
function chooseAddress(session: Session, address: string): Reply {
  if (address !== session.origin.localAddress.toLowerCase() && address !== session.engine.options.publicAddress) {
    return UNKNOWN;
  }
  resetLogin(session);
  session.hostTenant = null;
  return greeting(session.engine.options.welcome);
}

async function chooseTenant({ session }: CommandContext, name: string): Promise<Reply> {
  // RFC 7151 §3.2: a name that differs from the one of the handshake would be served with a certificate it was not
  // asked for.
  if (session.tls !== null && session.sni === null) return AFTER_TLS;
  if (session.sni !== null && session.sni !== name) return UNKNOWN;
  const tenant: TenantHost | null = await session.engine.ports.tenants.find(name);
  if (tenant === null) return UNKNOWN;
  resetLogin(session);
  session.hostTenant = tenant.slug;
  return greeting(tenant.welcome ?? session.engine.options.welcome);
}

/** RFC 7151 §3: HOST starts the authentication over. */
function resetLogin(session: Session): void {
  session.pendingLogin = null;
}
