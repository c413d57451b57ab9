import { Injectable } from '@nestjs/common';
import { type WebhookDeliveryRecord, WebhookDeliveryRepository, WebhookEndpointRepository } from '@quayside/database';
import type { ReplaySelection, WebhookEndpointRecord } from '@quayside/database';
import { DomainError, isId, newId } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import { type Page, readPage } from '../http/page.js';
import { isSequence } from '../http/positions.js';
import {
  type DeliveryOut,
  type DeliveryQuery,
  type DeliveryWithLog,
  presentDelivery,
  presentLog,
  type Replay,
  type ReplayOut,
} from './deliveries.schema.js';

/** Most deliveries that one call queues. */
const MAX_REPLAY = 5_000;
const MAX_ATTEMPTS_SHOWN = 50;

/** What was sent to a webhook, and sending it again. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly webhooks: WebhookEndpointRepository,
    private readonly deliveries: WebhookDeliveryRepository,
    private readonly changes: ChangeLog,
  ) {}

  async list(tenantId: string, webhookId: string, query: DeliveryQuery): Promise<Page<DeliveryOut>> {
    await this.#webhook(tenantId, webhookId);
    const { limit: _, cursor: __, ...filter } = query;
    return readPage(
      {
        scope: { list: 'webhook-deliveries', tenant: tenantId, webhookId, ...filter },
        query,
        isPosition: isSequence,
        positionOf: (row: WebhookDeliveryRecord) => [row.seq],
        read: (after, limit) => this.deliveries.list(tenantId, webhookId, filter, after, limit),
      },
      presentDelivery,
    );
  }

  async get(tenantId: string, webhookId: string, id: string): Promise<DeliveryWithLog> {
    const delivery = await this.#find(tenantId, webhookId, id);
    return {
      ...presentDelivery(delivery),
      log: presentLog(await this.deliveries.attempts(delivery.id, MAX_ATTEMPTS_SHOWN)),
    };
  }

  /** Queues a message that is no event, so that an admin sees whether the address takes it. */
  async test(actor: Actor, tenantId: string, webhookId: string): Promise<DeliveryOut> {
    await this.#webhook(tenantId, webhookId);
    const message = { id: newId(), at: new Date().toISOString() };
    const payload = {
      id: message.id,
      type: 'webhook.test',
      timestamp: message.at,
      tenantId,
      data: { message: 'This is a test.', requestedBy: actor.name },
    };
    return this.changes.apply(actor, async (_tx, queries) => {
      const delivery = await this.deliveries.test(queries, tenantId, webhookId, { ...message, payload });
      const entry = { tenantId, action: 'webhook.test', resource: 'webhook', resourceId: webhookId };
      return { result: presentDelivery(delivery), entry };
    });
  }

  async replay(actor: Actor, tenantId: string, webhookId: string, input: Replay): Promise<ReplayOut> {
    const { eventTypes } = await this.#webhook(tenantId, webhookId);
    const { eventIds, from, to } = input;
    const selection: ReplaySelection =
      from !== undefined && to !== undefined ? { from, to, eventTypes } : { eventIds: eventIds ?? [] };
    return this.#replay(actor, tenantId, webhookId, selection, input);
  }

  /** The event of one delivery once more, for example a dead letter. */
  async replayOne(actor: Actor, tenantId: string, webhookId: string, id: string): Promise<ReplayOut> {
    const { eventId } = await this.#find(tenantId, webhookId, id);
    return this.#replay(actor, tenantId, webhookId, { eventIds: [eventId] }, { deliveryId: id });
  }

  #replay(
    actor: Actor,
    tenantId: string,
    webhookId: string,
    selection: ReplaySelection,
    asked: object,
  ): Promise<ReplayOut> {
    return this.changes.apply(actor, async (_tx, queries) => {
      const { queued, continueFrom } = await this.deliveries.replay(
        queries,
        tenantId,
        webhookId,
        selection,
        MAX_REPLAY,
      );
      const entry = {
        tenantId,
        action: 'webhook.replay',
        resource: 'webhook',
        resourceId: webhookId,
        after: { ...asked, queued },
      };
      return { result: { queued, continueFrom: continueFrom === null ? null : continueFrom.toISOString() }, entry };
    });
  }

  async #webhook(tenantId: string, id: string): Promise<WebhookEndpointRecord> {
    const webhook = isId(id) ? await this.webhooks.find(tenantId, id) : null;
    if (webhook === null) throw new DomainError('webhook.not-found');
    return webhook;
  }

  async #find(tenantId: string, webhookId: string, id: string): Promise<WebhookDeliveryRecord> {
    const webhook = await this.#webhook(tenantId, webhookId);
    const delivery = isId(id) ? await this.deliveries.find(tenantId, webhook.id, id) : null;
    if (delivery === null) throw new DomainError('webhook.delivery-not-found');
    return delivery;
  }
}
