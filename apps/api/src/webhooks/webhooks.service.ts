import { Inject, Injectable } from '@nestjs/common';
import { type Queryable, type WebhookEndpointRecord, WebhookEndpointRepository } from '@quayside/database';
import { DomainError, isId, newId } from '@quayside/domain';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Precondition } from '../http/etag.js';
import { mergePatch } from '../http/merge-patch.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { parseOrRefuse } from '../http/validation.js';
import { API_SETTINGS, type ApiSettings } from '../settings.js';
import { generateWebhookSecret } from './webhook-secret.js';
import {
  type CreateWebhook,
  editableWebhook,
  presentWebhook,
  type WebhookOut,
  type WebhookQuery,
  type WebhookWithSecret,
} from './webhooks.schema.js';

/** Every event of a tenant is matched with its webhooks. */
const MAX_PER_TENANT = 20;

@Injectable()
export class WebhooksService {
  constructor(
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
    private readonly webhooks: WebhookEndpointRepository,
    private readonly changes: ChangeLog,
  ) {}

  create(actor: Actor, tenantId: string, input: CreateWebhook): Promise<WebhookWithSecret> {
    this.#requireAllowed(input.url);
    const secret = generateWebhookSecret();
    return this.changes.apply(actor, async (_tx, queries) => {
      if ((await this.webhooks.count(queries, tenantId)) >= MAX_PER_TENANT) {
        throw new DomainError('webhook.limit-reached', { detail: `A tenant may have ${MAX_PER_TENANT}` });
      }
      const record = await this.webhooks.insert(queries, tenantId, { id: newId(), ...input, secret });
      const out = presentWebhook(record);
      const entry = { ...subject(tenantId, out.id), action: 'webhook.create', after: out };
      return { result: { ...out, secret }, entry };
    });
  }

  list(tenantId: string, query: WebhookQuery): Promise<Page<WebhookOut>> {
    return readPage(
      {
        scope: { list: 'webhooks', tenant: tenantId },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: WebhookEndpointRecord) => [row.createdAt.toISOString(), row.id],
        read: (after, limit) => this.webhooks.list(tenantId, after, limit),
      },
      presentWebhook,
    );
  }

  async get(tenantId: string, id: string): Promise<WebhookOut> {
    const record = isId(id) ? await this.webhooks.find(tenantId, id) : null;
    if (record === null) throw new DomainError('webhook.not-found');
    return presentWebhook(record);
  }

  patch(actor: Actor, tenantId: string, id: string, precondition: Precondition, patch: unknown): Promise<WebhookOut> {
    return this.changes.apply(actor, async (_tx, queries) => {
      const record = await this.#lock(queries, tenantId, id, precondition);
      const { url, description, eventTypes, enabled } = record;
      const before = { url, description, eventTypes: [...eventTypes], enabled };
      const after = parseOrRefuse(editableWebhook, mergePatch(before, patch));
      if (isDeepStrictEqual(before, after)) return { result: presentWebhook(record), entry: null };
      this.#requireAllowed(after.url);
      const result = presentWebhook(await this.webhooks.update(queries, tenantId, id, after));
      return { result, entry: { ...subject(tenantId, id), action: 'webhook.update', before, after } };
    });
  }

  /** A new secret; the one before signs as well for a while. */
  rotate(
    actor: Actor,
    tenantId: string,
    id: string,
    precondition: Precondition,
    overlapHours: number,
  ): Promise<WebhookWithSecret> {
    const secret = generateWebhookSecret();
    return this.changes.apply(actor, async (_tx, queries) => {
      await this.#lock(queries, tenantId, id, precondition);
      const record = await this.webhooks.rotate(queries, tenantId, id, secret, overlapHours * 3600);
      const entry = { ...subject(tenantId, id), action: 'webhook.rotate-secret', after: { overlapHours } };
      return { result: { ...presentWebhook(record), secret }, entry };
    });
  }

  delete(actor: Actor, tenantId: string, id: string, precondition: Precondition): Promise<void> {
    return this.changes.apply(actor, async (_tx, queries) => {
      const before = presentWebhook(await this.#lock(queries, tenantId, id, precondition));
      await this.webhooks.delete(queries, tenantId, id);
      return { result: undefined, entry: { ...subject(tenantId, id), action: 'webhook.delete', before } };
    });
  }

  async #lock(
    queries: Queryable,
    tenantId: string,
    id: string,
    precondition: Precondition,
  ): Promise<WebhookEndpointRecord> {
    const record = isId(id) ? await this.webhooks.lock(queries, tenantId, id) : null;
    if (record === null) throw new DomainError('webhook.not-found');
    precondition.check(record.version);
    return record;
  }

  #requireAllowed(url: string): void {
    if (this.settings.webhooksAllowPrivate === true || url.startsWith('https://')) return;
    throw new DomainError('request.invalid', {
      detail: 'Check url',
      faults: [{ field: 'url', message: 'must start with https://' }],
    });
  }
}

function subject(tenantId: string, id: string) {
  return { tenantId, resource: 'webhook', resourceId: id };
}
