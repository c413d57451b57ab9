import { applyDecorators, SerializeOptions } from '@nestjs/common';
import { ApiConsumes, ApiHeader, ApiResponse } from '@nestjs/swagger';
import { ERROR_CATALOG, type ErrorCode } from '@quayside/domain';
import type { z } from 'zod';
import { JSON_TYPES } from './json-body.js';

interface AnswerOptions {
  readonly status?: number;
  readonly description?: string;
  /** Whether the answer is a resource that can be edited, and so has an ETag. */
  readonly editable?: boolean;
}

/** What a handler answers: serialised by the schema, so that what is not declared never leaves, and documented by it. */
export function Answers(schema: z.ZodType, options: AnswerOptions = {}): MethodDecorator {
  const { status = 200, description = 'Done', editable = false } = options;
  const headers = {
    ...(editable ? { ETag: { description: 'Version of the resource', schema: { type: 'string' } } } : {}),
    ...(status === 201 ? { Location: { description: 'Address of the new resource', schema: { type: 'string' } } } : {}),
  };
  return applyDecorators(
    SerializeOptions({ schema }),
    ApiResponse({ status, description, headers, standardSchema: schema }),
  );
}

/** A handler that answers 204. */
export function AnswersNothing(description: string): MethodDecorator {
  return ApiResponse({ status: 204, description });
}

/** The failures that are particular to a handler; those of every handler are added to the whole document. */
export function Fails(...codes: readonly ErrorCode[]): MethodDecorator {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = ERROR_CATALOG[code].http;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return applyDecorators(
    ...[...byStatus].map(([status, rows]) =>
      ApiResponse({
        status,
        ...problemResponse(rows.map((code) => `\`${code}\`: ${ERROR_CATALOG[code].title}`).join('; ')),
      }),
    ),
  );
}

/** A handler that takes If-Match. */
export function TakesIfMatch(): MethodDecorator {
  return applyDecorators(
    ApiHeader({
      name: 'If-Match',
      required: false,
      description: 'ETag of the version that the caller has read; 412 where the resource has changed since.',
      schema: { type: 'string', examples: ['"3"'] },
    }),
    Fails('version.conflict'),
  );
}

/** A handler whose body is an RFC 7396 merge patch. */
export function TakesMergePatch(): MethodDecorator {
  return applyDecorators(ApiConsumes(...JSON_TYPES.toReversed()), TakesIfMatch());
}

/** Every POST takes a key under which it is done once, however often it is sent. */
export function TakesIdempotencyKey(): MethodDecorator {
  return applyDecorators(
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description:
        'Up to 255 printable ASCII characters. The same request with the same key within 24 hours gets the first answer again, with `Idempotency-Replayed: true`.',
      schema: { type: 'string', maxLength: 255 },
    }),
    Fails('request.idempotency-conflict', 'request.idempotency-in-progress'),
  );
}

export function problemResponse(description: string) {
  return {
    description,
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}
