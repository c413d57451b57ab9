import { EVENT_CATALOG, type Envelope } from '@quayside/events';
import type { TransferFacts } from '@quayside/ftp-engine';

/** What the `transfer.completed` of an upload has other than the event of its begin. */
export interface UploadCompletion {
  /** Version of `transfer.completed`. */
  readonly v: number;
  /** When it was sealed: the event's time, and the transfer's end. */
  readonly at: string;
  readonly bytes: number;
  readonly fileBytes: number | null;
  readonly sha256: string | null;
  readonly dataTls: boolean;
}

/** The upload is sealed and will be published. */
export type UploadIntent =
  | { readonly k: 'intent'; readonly id: string; readonly token: string; readonly completed: UploadCompletion }
  /** As earlier workers wrote it: with the whole `transfer.completed`, without the delta. */
  | { readonly k: 'intent'; readonly id: string; readonly token: string; readonly event: Envelope };

export function completionOf(facts: TransferFacts, at: string): UploadCompletion {
  return {
    v: EVENT_CATALOG['transfer.completed'].version,
    at,
    bytes: facts.bytes,
    fileBytes: facts.fileBytes,
    sha256: facts.sha256,
    dataTls: facts.dataTls,
  };
}

/** The `transfer.completed` of a sealed upload, without the delta; `begun` is the event of its begin. */
export function completedEvent(begun: Envelope, intent: UploadIntent): Envelope {
  if ('event' in intent) return intent.event;
  const { v, at, ...completion } = intent.completed;
  const { outcome: _outcome, reason: _reason, keptBytes: _kept, ...common } = begun.data;
  return { ...begun, type: 'transfer.completed', v, at, data: { ...common, ...completion, finishedAt: at } };
}
