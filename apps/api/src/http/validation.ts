import { StandardSchemaValidationPipe } from '@nestjs/common';
import { DomainError, type FieldFault } from '@quayside/domain';
import { z } from 'zod';

/** What a Standard Schema reports; zod adds `code` and `keys` for unknown fields. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly code?: string;
  readonly keys?: readonly string[];
}

/** Most faults in one problem document: a body of a million unknown fields gets no answer of a million lines. */
const MAX_FAULTS = 50;
/** Longest field name that is repeated to the caller. */
const MAX_FIELD_LENGTH = 100;

/** Validates whatever declares a schema; faults become `request.invalid` with the names of the fields. */
export class ValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: (issues) => invalidRequest(issues) });
  }

  /** Nest would drop `__proto__` and `constructor` in silence; strict schemas refuse them like any unknown field. */
  protected override stripProtoKeys(): void {}
}

/** Validate outside of the pipe (a merged patch), with the same outcome. */
export function parseOrRefuse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidRequest(result.error.issues);
}

function invalidRequest(issues: readonly Issue[]): DomainError {
  const faults = issues.flatMap(faultsOf).slice(0, MAX_FAULTS);
  const fields = [...new Set(faults.map((fault) => fault.field).filter((field) => field !== ''))];
  return new DomainError('request.invalid', {
    detail: fields.length === 0 ? faults[0]?.message : `Check ${fields.slice(0, 10).join(', ')}`,
    faults,
  });
}

/** One fault per field: zod lists all unknown fields of an object in one issue. */
function faultsOf(issue: Issue): FieldFault[] {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  if (issue.code === 'unrecognized_keys' && issue.keys !== undefined) {
    return issue.keys.slice(0, MAX_FAULTS).map((key) => ({
      field: fieldName([...path, key]),
      message: 'There is no such field',
    }));
  }
  return [{ field: fieldName(path), message: issue.message }];
}

function fieldName(path: readonly string[]): string {
  return path.join('.').slice(0, MAX_FIELD_LENGTH);
}
