import { describe, expect, it } from '@jest/globals';
import { ListQuery, prefixPattern } from './list-query.js';

const keys = [
  { column: 'started_at', type: 'timestamptz' },
  { column: 'id', type: 'uuid' },
] as const;

describe('ListQuery', () => {
  it('numbers the parameters in the order in which they come', () => {
    const { statement, values } = new ListQuery()
      .where('tenant_id = ?::uuid', 't')
      .where('(a = ? OR b = ?)', 1, 2)
      .after(keys, true, ['2026-01-01T00:00:00Z', 'i'])
      .build('SELECT * FROM x', keys, true, 10);
    expect(statement.text).toBe(
      'SELECT * FROM x WHERE tenant_id = $1::uuid AND (a = $2 OR b = $3) AND (started_at, id) < ($4::timestamptz, $5::uuid) ORDER BY started_at DESC, id DESC LIMIT $6',
    );
    expect(values).toEqual(['t', 1, 2, '2026-01-01T00:00:00Z', 'i', 10]);
  });

  it('names a statement after its text, so that equal texts are prepared once', () => {
    const build = (limit: number) => new ListQuery().where('a = ?', 1).build('SELECT 1 FROM x', keys, false, limit);
    expect(build(1).statement.name).toBe(build(2).statement.name);
    expect(new ListQuery().build('SELECT 1 FROM x', keys, false, 1).statement.name).not.toBe(build(1).statement.name);
  });

  it('takes wildcards in a prefix literally', () => {
    expect(prefixPattern('a_b%c\\')).toBe('a\\_b\\%c\\\\%');
  });
});
