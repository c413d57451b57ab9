import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { binaryArray } from './binary-array.js';

let test: TestDatabase;

beforeAll(async () => {
  test = await startTestDatabase();
});
afterAll(() => test.stop());

const same = <Value>(value: Value): Value => value;

/** What the server makes of an array, as its own text. */
async function asRead(type: string, array: Buffer): Promise<(string | null)[]> {
  const { rows } = await test.database.pool.query(`SELECT unnest($1::${type}[])::text AS value`, [array]);
  return rows.map(({ value }) => value);
}

describe('binaryArray', () => {
  it('says to the server what the same values say as text', async () => {
    const id = newId();
    expect(await asRead('uuid', binaryArray('uuid', [id, null, id.toUpperCase()], same))).toEqual([id, null, id]);
    const texts = ['', null, 'plain', '{"quoted", NULL}', 'ünïcode 🚢', 'ünïcode 🚢'.repeat(40), 'x'.repeat(100_000)];
    expect(await asRead('text', binaryArray('text', texts, same))).toEqual(texts);
    const numbers = [0, null, 1, -1, 2 ** 32, -(2 ** 32) - 7, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
    expect(await asRead('bigint', binaryArray('bigint', numbers, same))).toEqual(
      numbers.map((number) => (number === null ? null : String(number))),
    );
    const times = ['2026-11-22T13:59:59.999Z', null, '1969-12-31T23:00:00Z', '2100-02-28T00:00:00.001Z'];
    expect(await asRead('timestamptz', binaryArray('timestamptz', times, same))).toEqual([
      '2026-11-22 13:59:59.999+00',
      null,
      '1969-12-31 23:00:00+00',
      '2100-02-28 00:00:00.001+00',
    ]);
    expect(await asRead('jsonb', binaryArray('jsonb', ['{"a":[1,"é"]}', null], same))).toEqual([
      '{"a": [1, "é"]}',
      null,
    ]);
  });

  it('is a list of nothing', async () => {
    expect(await asRead('uuid', binaryArray('uuid', [], same))).toEqual([]);
  });

  it('leaves to the server what only the server refuses', async () => {
    await expect(asRead('text', binaryArray('text', ['a\0b'], same))).rejects.toMatchObject({ code: '22021' });
    await expect(asRead('jsonb', binaryArray('jsonb', ['{"a":"\\u0000"}'], same))).rejects.toMatchObject({
      code: '22P05',
    });
  });

  it('refuses what is no value of the type', () => {
    expect(() => binaryArray('uuid', ['0190b3c4'], same)).toThrow('no UUID');
    const id = newId();
    for (const bad of [`${id}0`, id.slice(1), `g${id.slice(1)}`, `é${id.slice(1)}`, `${id.slice(0, -1)}-`]) {
      expect(() => binaryArray('uuid', [bad], same)).toThrow('no UUID');
    }
    expect(() => binaryArray('timestamptz', ['yesterday'], same)).toThrow('RFC 3339');
  });
});
