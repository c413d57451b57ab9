import { isIPv4 } from 'node:net';
import {
  canonicalAddress,
  formatExtendedPort,
  formatHostPort,
  parseEpsvArgument,
  protocolOf,
} from '../data/address.js';
import { PassiveChannel } from '../data/data-channel.js';
import { announcedAddress } from '../data/announced-address.js';
import type { OwnershipTest, PassiveReservation } from '../data/passive-pool.js';
import { type Reply, reply } from '../control/reply.js';
import type { Session } from '../session/session.js';
import { sessionReuse } from '../tls/protect-data-socket.js';
import { type CommandContext, defineCommand } from './define-command.js';

const EPSV_ALL = reply(501, 'PASV not allowed after EPSV ALL.');
const USE_EPSV = reply(425, 'This connection uses IPv6; use EPSV.');
const SYNTAX = reply(501, 'EPSV takes no argument, 1, 2 or ALL.');
const ALL_SET = reply(200, 'EPSV ALL ok; other ways to open a data connection are refused from now on.');

/** RFC 959 §4.1.2 PASV: a port for the next data connection, with the IPv4 address that the client can reach. */
export const pasv = defineCommand({
  directive: 'PASV',
  syntax: '{{cmd}}',
  description: 'Let the server listen for the data connection',
  rfc: 'RFC 959 §4.1.2',
  flags: { arg: 'none', prepares: true, feat: 'PASV' },
  handler: (context) => {
    const { session } = context;
    if (session.epsvAll) return EPSV_ALL;
    const host = announcedAddress(session);
    if (host === null || !isIPv4(host)) return USE_EPSV;
    return listen(context, (port) => reply(227, `Entering Passive Mode (${formatHostPort({ host, port })}).`));
  },
});

/** RFC 2428 §3 EPSV: the port alone, on the address of the control connection. */
export const epsv = defineCommand({
  directive: 'EPSV',
  syntax: '{{cmd}} [1|2|ALL]',
  description: 'Let the server listen for the data connection, any address family',
  rfc: 'RFC 2428 §3',
  flags: { prepares: true, feat: 'EPSV' },
  handler: (context) => {
    const { session, arg } = context;
    const wanted = parseEpsvArgument(arg);
    if (wanted === 'syntax') return SYNTAX;
    if (wanted === 'all') {
      session.epsvAll = true;
      return ALL_SET;
    }
    const own = protocolOf(session.origin.localAddress);
    if (wanted !== 'any' && wanted !== own) return reply(522, `Network protocol not supported, use (${own})`);
    return listen(context, (port) => reply(229, `Entering Extended Passive Mode ${formatExtendedPort(port)}`));
  },
});

/**
 * What was prepared before is given up; the new reservation is for the peer of the control connection alone. Mostly a
 * port is free and open, and nothing has to be waited for.
 */
function listen(context: CommandContext, announce: (port: number) => Reply): Reply | Promise<Reply> {
  const { session } = context;
  session.dropDataChannel();
  const { passive } = session.engine.data;
  const [peer, test] = [peerOf(session), ownershipTest(session)];
  const prepared = (reservation: PassiveReservation): Reply => {
    session.dataChannel = new PassiveChannel(reservation, session.engine.options.timeouts.dataConnect);
    return announce(reservation.port);
  };
  const reservation = passive.reserveNow(peer, session, test);
  if (reservation !== null) return prepared(reservation);
  return passive.reserve(peer, context.signal, session, test).then(prepared);
}

/** Where data connections must resume the control session, only one that brings its ticket is this session's. */
function ownershipTest(session: Session): OwnershipTest | null {
  const { tls } = session;
  if (tls === null || session.prot === 'C' || sessionReuse(session) !== 'require') return null;
  return ({ tickets }) => tickets.some((ticket) => tls.contexts.isTicketOf(tls.binding, ticket));
}

function peerOf(session: Session): string {
  return canonicalAddress(session.remoteAddress) ?? session.remoteAddress;
}
