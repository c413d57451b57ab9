import { isIPv6 } from 'node:net';
import { refusalOfTarget } from '../data/active-connection.js';
import { type HostPort, parseExtendedAddress, parseHostPort, protocolOf } from '../data/address.js';
import { ActiveChannel } from '../data/data-channel.js';
import { type Reply, reply } from '../control/reply.js';
import type { Session } from '../session/session.js';
import { defineCommand } from './define-command.js';

const OFF = reply(502, 'Active mode is off on this server; use PASV or EPSV.');
const AFTER_EPSV_ALL = reply(501, 'Not allowed after EPSV ALL.');
const PORT_SYNTAX = reply(501, 'Invalid PORT format.');
const EPRT_SYNTAX = reply(501, 'Invalid EPRT format.');
const OTHER_ADDRESS = reply(501, 'Rejected data connection to a foreign address.');
const LOW_PORT = reply(504, 'Rejected data connection to a privileged port.');
const READY = reply(200, 'Active data connection prepared.');

/** How long the 200 waits for a connection that does not come about at once: the client may only be about to listen. */
const FIRST_TRY_MS = 250;

/** RFC 959 §4.1.2 PORT, under the rules of RFC 2577 §3. */
export const port = defineCommand({
  directive: 'PORT',
  syntax: '{{cmd}} <h1,h2,h3,h4,p1,p2>',
  description: 'Let the client listen for the data connection',
  rfc: 'RFC 959 §4.1.2, RFC 2577 §3',
  flags: { arg: 'required', prepares: true },
  handler: ({ session, arg }) => {
    const refusal = refusalOfActive(session);
    if (refusal !== null) return refusal;
    const target = parseHostPort(arg);
    return target === null ? PORT_SYNTAX : prepare(session, target);
  },
});

/** RFC 2428 §2 EPRT, under the rules of RFC 2577 §3. */
export const eprt = defineCommand({
  directive: 'EPRT',
  syntax: '{{cmd}} <|protocol|address|port|>',
  description: 'Let the client listen for the data connection, any address family',
  rfc: 'RFC 2428 §2, RFC 2577 §3',
  flags: { arg: 'required', prepares: true, feat: 'EPRT' },
  handler: ({ session, arg }) => {
    const refusal = refusalOfActive(session);
    if (refusal !== null) return refusal;
    const target = parseExtendedAddress(arg);
    const own = protocolOf(session.remoteAddress);
    if (target === 'protocol' || (/^\|[12]\|/.test(arg) && arg[1] !== String(own))) {
      return reply(522, `Network protocol not supported, use (${own})`);
    }
    if (target !== 'syntax') return prepare(session, target);
    return namesNoAddress(arg) ? OTHER_ADDRESS : EPRT_SYNTAX;
  },
});

/** The form is right, and what stands for the IPv6 address is none, so that it cannot be the client's. */
function namesNoAddress(arg: string): boolean {
  const match = /^\|2\|([^|]*:[^|]*)\|\d{1,5}\|$/.exec(arg);
  return match !== null && !isIPv6(match[1]!);
}

function refusalOfActive(session: Session): Reply | null {
  if (session.epsvAll) return AFTER_EPSV_ALL;
  return (session.listener.activeMode ?? session.engine.options.activeMode) ? null : OFF;
}

function prepare(session: Session, target: HostPort): Reply | Promise<Reply> {
  const refusal = refusalOfTarget(target, session.remoteAddress);
  if (refusal === 'address') return OTHER_ADDRESS;
  if (refusal === 'port') return LOW_PORT;
  session.dropDataChannel();
  const channel = new ActiveChannel(
    target,
    session.origin.proxied ? '' : session.origin.localAddress,
    session.engine.options.timeouts.dataConnect,
  );
  session.dataChannel = channel;
  // RFC 959 §5.4 knows no reply of PORT for a connection that fails: the transfer command tries again and says 425.
  return channel.firstTry(FIRST_TRY_MS).then(() => READY);
}
