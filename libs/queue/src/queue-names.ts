/** Queues by noun; one job of `events` is one batch of envelopes. */
export const EVENTS_QUEUE = 'events';
/** Most envelopes that one job carries. */
export const MAX_BATCH_EVENTS = 500;
