import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { TransientList, TransientMap } from './transient-map.js';

describe('TransientMap', () => {
  it('is to its users what a Map is', () => {
    const step = fc.tuple(fc.constantFrom('set', 'delete', 'get'), fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat());
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const map = new TransientMap<{ value: number }>();
        const model = new Map<string, { value: number }>();
        for (const [kind, key, value] of steps) {
          if (kind === 'set') {
            map.set(key, { value });
            model.set(key, { value });
          }
          const gone = kind === 'delete' ? [map.delete(key), model.delete(key)] : [];
          expect(gone[0]).toBe(gone[1]);
          expect(map.get(key)).toEqual(model.get(key));
          expect(map.has(key)).toBe(model.has(key));
          expect(map.size).toBe(model.size);
        }
        expect([...map]).toEqual([...model]);
        expect([...map.values()]).toEqual([...model.values()]);
      }),
    );
  });

  it('goes on with the others where entries go while they are looked at', () => {
    const map = new TransientMap<{ name: string }>();
    for (const name of ['a', 'b', 'c']) map.set(name, { name });
    const seen: string[] = [];
    for (const { name } of map.values()) {
      seen.push(name);
      map.delete(name);
      map.delete('b');
    }
    expect(seen).toEqual(['a', 'c']);
    expect(map.size).toBe(0);
  });
});

describe('TransientList', () => {
  it('gives the places of those that went to those that come', () => {
    const list = new TransientList<object>();
    const [a, b, c] = [{ a: 1 }, { b: 1 }, { c: 1 }];
    const [first, second] = [list.add(a), list.add(b)];
    list.remove(first);
    expect(list.add(c)).toBe(first);
    expect(list.at(second)).toBe(b);
    expect([...list]).toEqual([c, b]);
    expect(list.size).toBe(2);
    list.remove(second);
    expect([...list]).toEqual([c]);
    expect(list.size).toBe(1);
  });
});
