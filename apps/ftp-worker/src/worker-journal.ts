import type { SessionGrant } from '@quayside/domain';
import type { WorkerFigures } from './metrics/worker-figures.js';
import type {
  Journal,
  MoveRecord,
  RemovalRecord,
  SessionFact,
  SessionFacts,
  TransferFacts,
  UploadRecord,
} from '@quayside/ftp-engine';
import type { Traces } from '@quayside/observability';
import { transferSpan } from './tracing/transfer-span.js';

/** The engine's journal, with somebody told when a session is over, and everything counted and traced. */
export class WorkerJournal implements Journal {
  constructor(
    private readonly journal: Journal,
    private readonly onSessionClosed: (sessionId: string) => void,
    private readonly figures: Pick<WorkerFigures, 'fact' | 'transfer'>,
    private readonly traces: Pick<Traces, 'record'> | null = null,
  ) {}

  beginUpload(...args: Parameters<Journal['beginUpload']>): UploadRecord {
    const [session, grant] = args;
    return new WatchedUpload(this.journal.beginUpload(...args), (facts) => this.transfer(session, grant, facts));
  }

  transferEnded(...args: Parameters<Journal['transferEnded']>): Promise<void> {
    this.transfer(...args);
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

  private transfer(session: SessionFacts, grant: SessionGrant, facts: TransferFacts): void {
    this.figures.transfer(session, facts);
    this.traces?.record(transferSpan(session, grant, facts));
  }
}

class WatchedUpload implements UploadRecord {
  constructor(
    private readonly record: UploadRecord,
    private readonly onEnd: (facts: TransferFacts) => void,
  ) {}

  intend(sealed: Parameters<UploadRecord['intend']>[0]): Promise<void> {
    return this.record.intend(sealed);
  }

  committed(...args: Parameters<UploadRecord['committed']>): Promise<void> {
    this.onEnd(args[0]);
    return this.record.committed(...args);
  }

  failed(...args: Parameters<UploadRecord['failed']>): Promise<void> {
    this.onEnd(args[0]);
    return this.record.failed(...args);
  }
}
