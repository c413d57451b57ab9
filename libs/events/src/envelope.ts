import { z } from 'zod';

/** What every event carries. `id` is the idempotency key: it is applied exactly once, however often it arrives. */
export const envelopeSchema = z.object({
  id: z.uuid(),
  type: z.string().min(1).max(100),
  /** Version of the `data` shape. */
  v: z.number().int().positive(),
  /** When it happened, RFC 3339 UTC. */
  at: z.iso.datetime(),
  tenantId: z.uuid().nullable(),
  accountId: z.uuid().nullable(),
  sessionId: z.uuid().nullable(),
  /** Node and worker that saw it; null for events of the API. */
  node: z.string().nullable(),
  worker: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
});

export type Envelope = z.infer<typeof envelopeSchema>;
