import type { Answer, Order } from './rehearsal/customers.js';
import { play } from './rehearsal/rehearsal-client.js';

/** The customers of a worker's rehearsal: plays each visit that the worker sends, many at once, and ends with it. */
process.on('disconnect', () => process.exit());
process.on('message', ({ id, visit }: Order) => {
  const answer = (state: Answer['state'], error?: string): void => {
    if (process.connected) process.send?.({ id, state, ...(error !== undefined && { error }) });
  };
  play(visit, () => answer('goes-on')).then(
    () => answer('played'),
    (error: unknown) => answer('failed', String(error)),
  );
});
