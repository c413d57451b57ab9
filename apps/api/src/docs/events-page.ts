import { EVENT_CATALOG, type EventDefinition } from '@quayside/events';
import { z } from 'zod';

interface Schema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** docs/events.md: the catalogue of events for readers. */
export function eventsPage(): string {
  const sections = Object.values<EventDefinition>(EVENT_CATALOG).map(sectionOf);
  return `# Events

Generated from \`libs/events/src/catalog.ts\` by \`npm run openapi\`.

Every fact is one event. \`id\` is its idempotency key: however often an event arrives, it counts once.

| Field | Type | Meaning |
| --- | --- | --- |
| \`id\` | uuid | Version 7; sorts by time |
| \`type\` | string | One of the types below |
| \`v\` | integer | Version of the shape of \`data\` |
| \`at\` | date-time | When it happened, RFC 3339 UTC |
| \`tenantId\`, \`accountId\`, \`sessionId\` | uuid or null | Whom and what it concerns |
| \`node\`, \`worker\` | string or null | Who saw it; null for events of the API |
| \`data\` | object | As listed for the type |

${sections.join('\n\n')}
`;
}

function sectionOf(definition: EventDefinition): string {
  const schema = z.toJSONSchema(definition.schema) as Schema;
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => `| \`${name}\` | ${typeOf(field)} |`);
  return `## \`${definition.type}\` (version ${definition.version})

${definition.description}

| Field of \`data\` | Type |
| --- | --- |
${rows.join('\n')}`;
}

function typeOf(schema: Schema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.type === 'array') return `array of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object') {
    const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => `${name}: ${typeOf(field)}`);
    return `{ ${fields.join(', ')} }`;
  }
  return schema.format ?? String(schema.type ?? 'any');
}
