import { newId } from '@quayside/domain';
import type { ClaimedLane, DeliveryAttempt, PendingDelivery, WebhookQueueRepository } from '@quayside/database';
import type { AppLog, Metrics, Traces } from '@quayside/observability';
import { traceOf } from '../tracing/trace-of.js';
import { backoffMs, GIVE_UP_AFTER_SECONDS } from './backoff.js';
import type { EgressPolicy } from './egress-policy.js';
import { signedHeaders } from './signature.js';
import { postWebhook, type WebhookAnswer } from './webhook-request.js';

export interface DeliveryWorkerOptions {
  readonly queue: WebhookQueueRepository;
  readonly policy: EgressPolicy;
  readonly log: AppLog;
  readonly metrics: Pick<Metrics, 'webhookRequestsTotal' | 'webhookRequestSeconds'>;
  readonly traces?: Pick<Traces, 'record'> | null;
  readonly timeoutMs?: number;
  /** Wait after `failures` failures in a row. */
  readonly backoff?: (failures: number, retryAfterSeconds: number | null) => number;
}

const SLOTS = 32;
/** Of the slots: a receiver that hangs holds up only itself, and a tenant only its own receivers. */
const SLOTS_PER_ENDPOINT = 4;
const SLOTS_PER_TENANT = 12;
const TIMEOUT_MS = 10_000;
/** Longer than a request may take; after it another process may take the lane of one that has died. */
const LEASE_MS = 60_000;
/** Deliveries in a row before the lane goes to the end of the line. */
const MESSAGES_PER_TURN = 20;
const RETRY_DATABASE_MS = 2_000;
/** The longest sleep: covers a notification that was lost. */
const LONGEST_SLEEP_MS = 30_000;
/** A lane of an endpoint that is off is looked at this often, to give up what has become too old. */
const DISABLED_LANE_MS = 3_600_000;

/**
 * Sends what the event log's transactions have queued. Claims one lane at a time, sends its messages one after the
 * other, and gives it back; several processes share the work through the database.
 */
export class DeliveryWorker {
  private readonly stopping = new AbortController();
  private readonly aborting = new AbortController();
  private readonly running = new Map<ClaimedLane, Promise<void>>();
  private loop: Promise<void> | null = null;
  private due = true;
  private interrupt: (() => void) | null = null;

  constructor(private readonly options: DeliveryWorkerOptions) {}

  start(): void {
    this.loop ??= this.run();
  }

  /** There may be a lane to claim. */
  wake(): void {
    this.due = true;
    this.interrupt?.();
  }

  /** Starts nothing more; requests under way get `graceMs` to end and are then given up and tried again later. */
  async stop(graceMs: number): Promise<void> {
    this.stopping.abort();
    this.interrupt?.();
    const timer = setTimeout(() => this.aborting.abort(), graceMs);
    try {
      await this.loop;
      await Promise.all(this.running.values());
    } finally {
      clearTimeout(timer);
    }
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.due = false;
      try {
        const sleepMs = await this.claimAll();
        if (!this.due && !signal.aborted) await this.idle(sleepMs);
      } catch (error) {
        if (signal.aborted) return;
        this.options.log.warn('webhooks could not be looked for; trying again', { error });
        await this.idle(RETRY_DATABASE_MS);
      }
    }
  }

  /** Fills the free slots; resolves to how long there is nothing more to do. */
  private async claimAll(): Promise<number> {
    while (!this.stopping.signal.aborted) {
      // A lane that ends wakes us.
      if (this.running.size >= SLOTS) return LONGEST_SLEEP_MS;
      const without = this.saturated();
      const lane = await this.options.queue.claim(newId(), LEASE_MS, without);
      if (lane === null) {
        const ms = await this.options.queue.nextDueMs(without);
        return Math.min(ms ?? LONGEST_SLEEP_MS, LONGEST_SLEEP_MS);
      }
      const turn = this.takeTurn(lane).finally(() => {
        this.running.delete(lane);
        this.wake();
      });
      this.running.set(lane, turn);
    }
    return 0;
  }

  private saturated(): { endpoints: string[]; tenants: string[] } {
    const lanes = [...this.running.keys()];
    return {
      endpoints: overused(
        lanes.map((lane) => lane.endpointId),
        SLOTS_PER_ENDPOINT,
      ),
      tenants: overused(
        lanes.map((lane) => lane.tenantId),
        SLOTS_PER_TENANT,
      ),
    };
  }

  private async takeTurn(lane: ClaimedLane): Promise<void> {
    const { queue, log } = this.options;
    try {
      if (!lane.enabled) {
        await queue.expire(lane, 'the endpoint is switched off', GIVE_UP_AFTER_SECONDS);
        if ((await queue.head(lane)) === null && (await queue.remove(lane))) return;
        await queue.release(lane, DISABLED_LANE_MS, 0);
        return;
      }
      await this.sendTurn(lane);
    } catch (error) {
      // The claim runs out by itself, and the lane is taken up again.
      if (!this.stopping.signal.aborted) log.warn('a webhook lane was left', { endpoint: lane.endpointId, error });
    }
  }

  private async sendTurn(lane: ClaimedLane): Promise<void> {
    const { queue } = this.options;
    let failures = lane.failures;
    for (let sent = 0; sent < MESSAGES_PER_TURN && !this.stopping.signal.aborted; sent++) {
      const delivery = await queue.head(lane);
      if (delivery === null) {
        if (await queue.remove(lane)) return;
        continue;
      }
      if (delivery.payload === null) {
        await queue.bury(delivery.id, 'the event is no longer in the log');
        continue;
      }
      if (!(await queue.renew(lane, LEASE_MS, failures))) return;
      const outcome = await this.send(lane, delivery, delivery.payload);
      if (outcome === null) break;
      if (!outcome.delivered) {
        await this.giveBackAfterFailure(lane, failures + 1, outcome.answer);
        return;
      }
      failures = 0;
    }
    await queue.release(lane, 0, failures);
  }

  private async giveBackAfterFailure(lane: ClaimedLane, failures: number, answer: WebhookAnswer | null): Promise<void> {
    const { queue, backoff = (count, asked) => backoffMs(count, asked, Math.random()) } = this.options;
    if (answer?.status === 410) await queue.disable(lane.endpointId, 'the receiver answered 410 Gone');
    await queue.expire(lane, 'given up after 72 hours', GIVE_UP_AFTER_SECONDS);
    await queue.release(lane, backoff(failures, answer?.retryAfterSeconds ?? null), failures);
  }

  /** Null where the process is to end before there is an answer: as if it had not been sent. */
  private async send(
    lane: ClaimedLane,
    delivery: PendingDelivery,
    payload: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly delivered: boolean; readonly answer: WebhookAnswer | null } | null> {
    const { queue, policy, metrics, timeoutMs = TIMEOUT_MS } = this.options;
    const body = JSON.stringify(payload);
    const message = { id: delivery.eventId, timestampSeconds: Math.floor(Date.now() / 1000), body };
    const startMs = Date.now();
    const startedMs = performance.now();
    let answer: WebhookAnswer | null = null;
    let error: string | null = null;
    try {
      const headers = signedHeaders(message, lane.secrets);
      answer = await postWebhook({ url: lane.url, headers, body, policy, timeoutMs, signal: this.aborting.signal });
      if (!isDelivered(answer.status)) error = `answered ${answer.status}`;
    } catch (fault) {
      if (this.aborting.signal.aborted) return null;
      error = (fault instanceof Error ? fault.message || fault.name : String(fault)).slice(0, 500);
    }
    const durationMs = Math.round(performance.now() - startedMs);
    const delivered = error === null;
    metrics.webhookRequestsTotal.inc({ outcome: delivered ? 'delivered' : answer === null ? 'no-answer' : 'refused' });
    metrics.webhookRequestSeconds.observe(durationMs / 1000);
    this.options.traces?.record({
      name: 'deliver webhook',
      kind: 'client',
      startMs,
      endMs: startMs + durationMs,
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': answer?.status,
        'event.id': delivery.eventId,
        'event.type': delivery.eventType,
        'tenant.id': lane.tenantId,
        'webhook.endpoint.id': lane.endpointId,
        'webhook.attempt': delivery.attempts + 1,
      },
      error: delivered ? undefined : answer === null ? 'no-answer' : String(answer.status),
      place: traceOf(payload['data']),
    });
    const attempt: DeliveryAttempt = {
      durationMs,
      status: answer?.status ?? null,
      error,
      response: answer?.body ?? null,
    };
    await queue.record(delivery.id, attempt, delivered ? 'delivered' : 'pending');
    return { delivered, answer };
  }

  private idle(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.interrupt = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.interrupt = done;
    });
  }
}

function isDelivered(status: number): boolean {
  return status >= 200 && status < 300;
}

function overused(ids: readonly string[], most: number): string[] {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].filter(([, count]) => count >= most).map(([id]) => id);
}
