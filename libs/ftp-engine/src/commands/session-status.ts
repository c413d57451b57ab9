import { lines, type Reply } from '../control/reply.js';
import type { Session } from '../session/session.js';

/** The reply of STAT without argument (RFC 959 §4.1.3): the session's settings, and the transfer that runs. */
export function sessionStatus(session: Session, nowMs: number): Reply {
  const { activity, grant, tls } = session;
  const body = [
    `Connected from ${session.remoteAddress}`,
    grant === null ? 'Not logged in' : `Logged in as ${grant.login}`,
    `Control connection: ${tls === null ? 'clear' : tls.version}; data connections: ${session.prot === 'P' ? 'protected' : 'clear'}`,
    `TYPE: ${session.type === 'A' ? 'ASCII, FORM: Nonprint' : 'Image'}; STRU: File; MODE: Stream`,
  ];
  if (activity === null) body.push('No transfer is running');
  else {
    const seconds = Math.max(0, (nowMs - activity.startedAtMs) / 1000).toFixed(1);
    body.push(`${activity.verb} ${activity.path}: ${activity.bytes} bytes in ${seconds} seconds`);
  }
  body.push(`Total: ${session.transfers} transfers, ${session.bytesUp} bytes up, ${session.bytesDown} bytes down`);
  return lines(211, 'Status:', body, 'End of status');
}
