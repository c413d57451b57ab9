import type { CommandDefinition } from '../commands/define-command.js';
import type { Session } from '../session/session.js';
import { type Reply, reply } from './reply.js';

const TLS_FIRST = reply(530, 'Use AUTH TLS first');
export const LOGIN_FIRST = reply(530, 'Log in with USER and PASS first.');
const ARGUMENT_MISSING = reply(501, 'Syntax error: command needs an argument.');
const ARGUMENT_REFUSED = reply(501, 'Syntax error: command does not accept arguments.');
export const PROTECTION_REQUIRED = reply(
  521,
  'Data connection cannot be opened with this PROT setting; send PBSZ 0 and PROT P',
);

/** What stands between a known verb and its handler, in this order: TLS, login, argument, data protection. */
export function refusalOf(command: CommandDefinition, session: Session, arg: string): Reply | null {
  const flags = command.flags;
  if (session.grant === null && flags?.no_auth !== true) {
    return session.tls === null && session.listener.tls === 'required' ? TLS_FIRST : LOGIN_FIRST;
  }
  if (flags === undefined) return null;
  if (flags.arg === 'required' && arg === '') return ARGUMENT_MISSING;
  if (flags.arg === 'none' && arg !== '') return ARGUMENT_REFUSED;
  if (flags.data === true && session.prot === 'C' && requiresDataProtection(session)) return PROTECTION_REQUIRED;
  return null;
}

/** RFC 4217 §10.2: whether this session's data connections must be protected. */
export function requiresDataProtection(session: Session): boolean {
  const protocols = session.grant?.policy.protocols;
  return session.listener.tls === 'required' || protocols?.tls === 'required' || protocols?.ftp === false;
}
