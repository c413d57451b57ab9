import { TransientMap } from '@quayside/domain';
import type { SpoolBegin, SpoolRecord } from './spool-record.js';
import type { UploadIntent } from './upload-intent.js';

/** An operation whose end has not been recorded. */
export interface OpenOperation {
  readonly begin: SpoolBegin;
  /** Set once the upload was sealed. */
  readonly intent: UploadIntent | null;
  /** Oldest segment that holds a record of it. */
  readonly segment: number;
}

/** Which operations are open, as the records tell in their order. */
export class OpenOperations {
  private readonly open = new TransientMap<OpenOperation>();

  apply(record: SpoolRecord, segment: number): void {
    switch (record.k) {
      case 'upload':
      case 'removal':
      case 'move':
        this.open.set(record.id, { begin: record, intent: null, segment });
        break;
      case 'intent': {
        const operation = this.open.get(record.id);
        if (operation === undefined) break;
        const { begin, segment: first } = operation;
        this.open.set(record.id, { begin, intent: record, segment: first });
        break;
      }
      case 'end':
        this.open.delete(record.id);
        break;
      case 'fact':
        break;
    }
  }

  get size(): number {
    return this.open.size;
  }

  isOpen(id: string): boolean {
    return this.open.has(id);
  }

  all(): OpenOperation[] {
    return [...this.open.values()];
  }

  /** The records of the operations that began in `segment`, to be written again before that segment goes. */
  toCarry(segment: number): SpoolRecord[] {
    const records: SpoolRecord[] = [];
    for (const operation of this.open.values()) {
      if (operation.segment > segment) continue;
      records.push(operation.begin);
      if (operation.intent !== null) records.push(operation.intent);
    }
    return records;
  }

  carried(segment: number, to: number): void {
    for (const [id, operation] of this.open) {
      if (operation.segment <= segment) this.open.set(id, { ...operation, segment: to });
    }
  }
}
