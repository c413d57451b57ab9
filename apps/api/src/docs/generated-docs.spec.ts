import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { generatedDocs } from './generated-docs.js';

const FOLDER = new URL('../../../../docs/', import.meta.url);

interface Operation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema?: object }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
}

let docs: Readonly<Record<string, string>>;
let openapi: Document;
let operations: { readonly method: string; readonly path: string; readonly operation: Operation }[];

beforeAll(async () => {
  docs = await generatedDocs();
  openapi = JSON.parse(docs['openapi.json']!) as Document;
  operations = Object.entries(openapi.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
  );
});

function headersOf(operation: Operation): string[] {
  return (operation.parameters ?? []).filter((p) => p.in === 'header').map((p) => p.name);
}

describe('generated documents', () => {
  it.each(['openapi.json', 'errors.md', 'events.md'])('docs/%s is current; else run npm run openapi', async (name) => {
    expect(docs[name]).toBe(await readFile(new URL(name, FOLDER), 'utf8'));
  });
});

describe('the OpenAPI document', () => {
  it('is 3.1 and each of its references leads somewhere', () => {
    expect(openapi.openapi).toBe('3.1.0');
    const references = [...docs['openapi.json']!.matchAll(/"\$ref": "#\/components\/schemas\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(50);
    for (const [, name] of references) expect(openapi.components.schemas).toHaveProperty([name!]);
  });

  it('names every parameter of a path, and each operation once', () => {
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/{(\w+)}/g)].map(([, name]) => name!);
      const described = (operation.parameters ?? []).filter((p) => p.in === 'path').map((p) => p.name);
      expect(described.toSorted()).toEqual(inPath.toSorted());
    }
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('asks for a key everywhere but for health and metrics, and documents 401 with it', () => {
    const open = operations.filter(({ operation }) => (operation.security ?? []).length === 0);
    expect(open.map(({ path }) => path)).toEqual(['/health/live', '/health/ready', '/metrics']);
    for (const { operation } of operations.filter((entry) => !open.includes(entry))) {
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '401', '403', '503']));
    }
  });

  it('has a body schema and an Idempotency-Key on every POST, If-Match and merge patch on every PATCH', () => {
    for (const { operation } of operations.filter(({ method }) => method === 'post')) {
      expect(headersOf(operation)).toContain('Idempotency-Key');
      expect(Object.keys(operation.requestBody!.content)).toEqual(['application/json']);
    }
    for (const { operation } of operations.filter(({ method }) => method === 'patch')) {
      expect(headersOf(operation)).toContain('If-Match');
      expect(Object.keys(operation.requestBody!.content)).toContain('application/merge-patch+json');
    }
  });

  it('gives every successful answer a schema, except where there is no body', () => {
    for (const { path, operation } of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (!status.startsWith('2') || status === '204') continue;
        const contents = Object.values(response.content ?? {}) as { schema?: unknown }[];
        expect([path, status, contents.length > 0 && contents.every(({ schema }) => schema !== undefined)]).toEqual([
          path,
          status,
          true,
        ]);
      }
    }
  });
});
