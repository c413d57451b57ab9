import type { SessionGrant } from '@quayside/domain';
import type { Journal, MoveRecord, RemovalRecord, SessionFact, SessionFacts, UploadRecord } from '@quayside/ftp-engine';

/** The engine's journal, with somebody told when a session is over. */
export class WorkerJournal implements Journal {
  constructor(
    private readonly journal: Journal,
    private readonly onSessionClosed: (sessionId: string) => void,
  ) {}

  beginUpload(...args: Parameters<Journal['beginUpload']>): UploadRecord {
    return this.journal.beginUpload(...args);
  }

  transferEnded(...args: Parameters<Journal['transferEnded']>): Promise<void> {
    return this.journal.transferEnded(...args);
  }

  beginRemoval(...args: Parameters<Journal['beginRemoval']>): RemovalRecord {
    return this.journal.beginRemoval(...args);
  }

  beginMove(...args: Parameters<Journal['beginMove']>): MoveRecord {
    return this.journal.beginMove(...args);
  }

  record(session: SessionFacts, grant: SessionGrant | null, fact: SessionFact): void {
    if (fact.type === 'session.closed') this.onSessionClosed(session.sessionId);
    this.journal.record(session, grant, fact);
  }
}
