import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ERROR_CATALOG, type ErrorCode } from '@quayside/domain';
import { z } from 'zod';
import { AppModule } from './app.module.js';
import { problemResponse } from './http/openapi.decorators.js';

const DESCRIPTION = `
Tenants, accounts, quotas and logs of a Quayside installation.

- **Keys**: every request but \`/health\` and \`/metrics\` carries \`Authorization: Bearer <key>\`. A tenant's key sees that tenant only.
- **Errors** are problem documents (RFC 9457) with a stable \`code\`; \`errors\` names the fields at fault. Unknown fields are refused.
- **Lists** come in pages: pass \`nextCursor\` as \`cursor\` with the same filters and sort.
- **Changes**: PATCH is a JSON merge patch (RFC 7396): \`null\` resets a field. Send \`If-Match\` with the ETag you have read to be refused (412) when somebody else was faster.
- **POST** takes an \`Idempotency-Key\`: sent again, the request is not done again.
- **Values**: times are RFC 3339 in UTC; bytes are integers up to 2^53-1; secrets are shown once.
`.trim();

/** The errors that any operation may answer. */
const COMMON: readonly ErrorCode[] = [
  'request.invalid',
  'request.malformed',
  'auth.missing',
  'auth.failed',
  'access.forbidden',
  'request.too-large',
  'request.unsupported-media-type',
  'internal',
  'database.unavailable',
];

/** The OpenAPI 3.1 document of an app, from the schemas that validate. The app may be a preview. */
function buildOpenApi(app: NestExpressApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Quayside')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, for example `qs_…`' }, 'apiKey')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    autoTagControllers: false,
    standardSchemaConverter: (schema, { schemaType }) => convert(schema as z.ZodType, schemaType),
  });
  document.components = {
    ...document.components,
    schemas: { ...sorted(document.components?.schemas ?? {}), Problem: problemSchema() },
  };
  document.paths = sorted(document.paths);
  for (const operation of operationsOf(document)) addCommonProblems(operation);
  return document;
}

/** The document without a running installation: nothing is connected to, nothing is started. */
export async function previewOpenApi(): Promise<OpenAPIObject> {
  const settings = { databaseUrl: '', databasePoolSize: 1, bootstrapAdminKey: undefined, bcryptCost: 4 };
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(settings), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  return buildOpenApi(app);
}

/** `/openapi.json`, and `/docs` with Swagger UI from our own files. The document is made when somebody asks for it. */
export function serveOpenApi(app: NestExpressApplication): void {
  SwaggerModule.setup('docs', app, () => buildOpenApi(app), {
    jsonDocumentUrl: '/openapi.json',
    raw: ['json'],
    customSiteTitle: 'Quayside API',
    swaggerOptions: { persistAuthorization: false, displayRequestDuration: true, docExpansion: 'list' },
  });
}

/** zod's own JSON Schema 2020-12, which OpenAPI 3.1 uses; schemas with an id become components. */
function convert(schema: z.ZodType, io: 'input' | 'output') {
  const {
    $schema: _,
    $defs = {},
    ...rest
  } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    unrepresentable: 'any',
    // `format` says it; zod's regular expressions for dates and UUIDs are longer than the schemas around them.
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === 'date-time' || jsonSchema.format === 'uuid') delete jsonSchema.pattern;
    },
  });
  return { schema: rest, components: $defs };
}

interface Operation {
  security?: unknown[];
  responses: Record<string, unknown>;
}

function operationsOf(document: OpenAPIObject): Operation[] {
  return Object.values(document.paths).flatMap((item) =>
    Object.values(item).filter((part): part is Operation => typeof part === 'object' && 'responses' in part),
  );
}

function addCommonProblems(operation: Operation): void {
  const needsKey = (operation.security ?? []).length > 0;
  if (!needsKey) return;
  for (const status of new Set(COMMON.map((code) => ERROR_CATALOG[code].http))) {
    const codes = COMMON.filter((code) => ERROR_CATALOG[code].http === status);
    operation.responses[status] ??= problemResponse(
      codes.map((code) => `\`${code}\`: ${ERROR_CATALOG[code].title}`).join('; '),
    );
  }
}

function problemSchema() {
  return {
    type: 'object' as const,
    description: 'RFC 9457 problem document.',
    required: ['type', 'title', 'status', 'code'],
    properties: {
      type: { type: 'string', format: 'uri-reference' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(ERROR_CATALOG) },
      detail: { type: 'string' },
      errors: {
        type: 'array',
        items: {
          type: 'object',
          required: ['field', 'message'],
          properties: { field: { type: 'string' }, message: { type: 'string' } },
        },
      },
    },
    examples: [
      {
        type: '/docs/errors#request.invalid',
        title: ERROR_CATALOG['request.invalid'].title,
        status: 400,
        code: 'request.invalid',
        detail: 'Check quota.bytes',
        errors: [{ field: 'quota.bytes', message: 'Too small: expected number to be >=0' }],
      },
    ],
  };
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
