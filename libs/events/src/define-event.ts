import type { z } from 'zod';

export interface EventDefinition<Type extends string = string, Schema extends z.ZodType = z.ZodType> {
  readonly type: Type;
  /** Version of the present `schema`. */
  readonly version: number;
  readonly schema: Schema;
  /** One sentence for docs/events.md. */
  readonly description: string;
  /** How data of version n becomes version n+1; keyed by n. */
  readonly upcasts: Readonly<Record<number, (data: Record<string, unknown>) => Record<string, unknown>>>;
}

export function defineEvent<Type extends string, Schema extends z.ZodType>(
  definition: EventDefinition<Type, Schema>,
): EventDefinition<Type, Schema> {
  return definition;
}
