import type { Session } from '../session/session.js';
import { type CodeOf, DOCTOR } from './doctor-table.js';

/** The fact that a data connection could not be used, with what support can say. */
export function recordDataFailure(session: Session, reason: CodeOf<'data' | 'transfer'>): void {
  const { hint } = DOCTOR[reason];
  session.engine.ports.journal.record(session.facts(), session.grant, { type: 'data.failed', reason, hint });
}
