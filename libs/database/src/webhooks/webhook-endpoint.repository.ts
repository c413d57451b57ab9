import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';

/** An endpoint without its secrets. */
export interface WebhookEndpointRecord {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly eventTypes: readonly string[];
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  /** Until when the secret before the last rotation signs as well. */
  readonly previousExpiresAt: Date | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface EditableWebhookEndpoint {
  readonly url: string;
  readonly description: string;
  readonly eventTypes: readonly string[];
  readonly enabled: boolean;
}

export interface NewWebhookEndpoint extends EditableWebhookEndpoint {
  readonly id: string;
  readonly secret: string;
}

const COLUMNS = `e.id, e.url, e.description, e.event_types AS "eventTypes", e.enabled,
  e.disabled_reason AS "disabledReason",
  CASE WHEN e.previous_expires_at > now() THEN e.previous_expires_at END AS "previousExpiresAt",
  e.version, e.created_at AS "createdAt", e.updated_at AS "updatedAt"`;

const FIND: Statement = {
  name: 'webhook-endpoint-find',
  text: `SELECT ${COLUMNS} FROM webhook_endpoint e WHERE e.tenant_id = $1::uuid AND e.id = $2::uuid`,
};
const LOCK: Statement = {
  name: 'webhook-endpoint-lock',
  text: `SELECT ${COLUMNS} FROM webhook_endpoint e WHERE e.tenant_id = $1::uuid AND e.id = $2::uuid FOR UPDATE`,
};
const LOCK_TENANT: Statement = {
  name: 'webhook-endpoint-lock-tenant',
  text: 'SELECT id FROM tenant WHERE id = $1::uuid FOR NO KEY UPDATE',
};
const COUNT: Statement = {
  name: 'webhook-endpoint-count',
  text: 'SELECT count(*)::int AS count FROM webhook_endpoint WHERE tenant_id = $1::uuid',
};
const INSERT: Statement = {
  name: 'webhook-endpoint-insert',
  text: `INSERT INTO webhook_endpoint AS e (id, tenant_id, url, description, event_types, enabled, secret)
         VALUES ($1::uuid, $2::uuid, $3, $4, $5::text[], $6, $7) RETURNING ${COLUMNS}`,
};
const UPDATE: Statement = {
  name: 'webhook-endpoint-update',
  text: `UPDATE webhook_endpoint e SET url = $3, description = $4, event_types = $5::text[], enabled = $6,
           disabled_reason = CASE WHEN $6 THEN NULL ELSE e.disabled_reason END, version = e.version + 1, updated_at = now()
         WHERE e.tenant_id = $1::uuid AND e.id = $2::uuid RETURNING ${COLUMNS}`,
};
// What had to wait for a switched-off or failing endpoint goes out at once.
const HURRY: Statement = {
  name: 'webhook-endpoint-hurry',
  text: `UPDATE webhook_lane SET due_at = now(), failures = 0 WHERE endpoint_id = $1::uuid AND claim IS NULL AND due_at > now()`,
};
const ROTATE: Statement = {
  name: 'webhook-endpoint-rotate',
  text: `UPDATE webhook_endpoint e SET previous_secret = e.secret, previous_expires_at = now() + $4::int * interval '1 second',
           secret = $3, version = e.version + 1, updated_at = now()
         WHERE e.tenant_id = $1::uuid AND e.id = $2::uuid RETURNING ${COLUMNS}`,
};
const DELETE: Statement = {
  name: 'webhook-endpoint-delete',
  text: 'DELETE FROM webhook_endpoint WHERE tenant_id = $1::uuid AND id = $2::uuid',
};

const LIST_ORDER: readonly SortKey[] = [
  { column: 'e.created_at', type: 'timestamptz' },
  { column: 'e.id', type: 'uuid' },
];

/** Where tenants want their events sent. Changes run in the caller's transaction. */
@Injectable()
export class WebhookEndpointRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async find(tenantId: string, id: string): Promise<WebhookEndpointRecord | null> {
    const [row] = await this.database.rows<WebhookEndpointRecord>(FIND, [tenantId, id]);
    return row ?? null;
  }

  async lock(queries: Queryable, tenantId: string, id: string): Promise<WebhookEndpointRecord | null> {
    const [row] = await queries.rows<WebhookEndpointRecord>(LOCK, [tenantId, id]);
    return row ?? null;
  }

  /** Newest first. */
  async list(tenantId: string, after: readonly unknown[] | null, limit: number): Promise<WebhookEndpointRecord[]> {
    const { statement, values } = new ListQuery()
      .where('e.tenant_id = ?::uuid', tenantId)
      .after(LIST_ORDER, true, after)
      .build(`SELECT ${COLUMNS} FROM webhook_endpoint e`, LIST_ORDER, true, limit);
    return this.database.rows<WebhookEndpointRecord>(statement, values);
  }

  /** Locks the tenant, so that endpoints made at the same moment are counted. */
  async count(queries: Queryable, tenantId: string): Promise<number> {
    await queries.rows(LOCK_TENANT, [tenantId]);
    const [row] = await queries.rows<{ count: number }>(COUNT, [tenantId]);
    return row!.count;
  }

  async insert(queries: Queryable, tenantId: string, row: NewWebhookEndpoint): Promise<WebhookEndpointRecord> {
    const values = [row.id, tenantId, row.url, row.description, row.eventTypes, row.enabled, row.secret];
    const [inserted] = await queries.rows<WebhookEndpointRecord>(INSERT, values);
    return inserted!;
  }

  /** Enabling it takes the reason away for which it was off, and sends at once what has waited. */
  async update(
    queries: Queryable,
    tenantId: string,
    id: string,
    change: EditableWebhookEndpoint,
  ): Promise<WebhookEndpointRecord> {
    const values = [tenantId, id, change.url, change.description, change.eventTypes, change.enabled];
    const [row] = await queries.rows<WebhookEndpointRecord>(UPDATE, values);
    if (change.enabled) await queries.rows(HURRY, [id]);
    return row!;
  }

  /** The secret before signs as well for `overlapSeconds`. */
  async rotate(
    queries: Queryable,
    tenantId: string,
    id: string,
    secret: string,
    overlapSeconds: number,
  ): Promise<WebhookEndpointRecord> {
    const [row] = await queries.rows<WebhookEndpointRecord>(ROTATE, [tenantId, id, secret, overlapSeconds]);
    return row!;
  }

  /** With its deliveries and their log. */
  async delete(queries: Queryable, tenantId: string, id: string): Promise<void> {
    await queries.rows(DELETE, [tenantId, id]);
  }
}
