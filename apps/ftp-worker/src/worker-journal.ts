import type { SessionGrant } from '@quayside/domain';
import type { WorkerFigures } from './metrics/worker-figures.js';
import type { Journal, MoveRecord, RemovalRecord, SessionFact, SessionFacts, UploadRecord } from '@quayside/ftp-engine';

/** The engine's journal, with somebody told when a session is over, and everything counted. */
export class WorkerJournal implements Journal {
  constructor(
    private readonly journal: Journal,
    private readonly onSessionClosed: (sessionId: string) => void,
    private readonly figures: Pick<WorkerFigures, 'fact' | 'transfer'>,
  ) {}

  beginUpload(...args: Parameters<Journal['beginUpload']>): UploadRecord {
    const record = this.journal.beginUpload(...args);
    const [session] = args;
    return {
      intend: (sealed) => record.intend(sealed),
      committed: (facts, delta) => {
        this.figures.transfer(session, facts);
        return record.committed(facts, delta);
      },
      failed: (facts, delta) => {
        this.figures.transfer(session, facts);
        return record.failed(facts, delta);
      },
    };
  }

  transferEnded(...args: Parameters<Journal['transferEnded']>): Promise<void> {
    this.figures.transfer(args[0], args[2]);
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
    this.figures.fact(session, fact);
    this.journal.record(session, grant, fact);
  }
}
