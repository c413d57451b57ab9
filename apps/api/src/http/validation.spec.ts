import { describe, expect, it } from '@jest/globals';
import type { DomainError } from '@quayside/domain';
import { z } from 'zod';
import { parseOrRefuse } from './validation.js';

const schema = z.strictObject({ name: z.string(), quota: z.strictObject({ bytes: z.int() }).optional() });

function refusal(value: unknown): DomainError {
  try {
    parseOrRefuse(schema, value);
  } catch (error) {
    return error as DomainError;
  }
  throw new Error('was accepted');
}

describe('validation', () => {
  it('names unknown fields one by one, nested ones by their dotted path', () => {
    const { code, faults } = refusal({ name: 'x', colour: 1, size: 2, quota: { bytes: 1, gigabytes: 3 } });
    expect(code).toBe('request.invalid');
    expect(faults.map((fault) => fault.field).toSorted()).toEqual(['colour', 'quota.gigabytes', 'size']);
  });

  it('names missing and mistyped fields', () => {
    expect(refusal({ quota: { bytes: '1' } }).faults.map((fault) => fault.field)).toEqual(['name', 'quota.bytes']);
    expect(refusal(undefined).faults).toHaveLength(1);
    expect(refusal(null).detail).toMatch(/object/);
  });

  it('bounds what it repeats', () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`field-${n}`.padEnd(300, 'x'), 1]));
    const { faults } = refusal({ name: 'x', ...many });
    expect(faults).toHaveLength(50);
    expect(faults.every((fault) => fault.field.length <= 100)).toBe(true);
  });
});
