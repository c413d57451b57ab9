import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { followSources, inSources } from './source-stacks.js';

const folder = mkdtempSync(join(tmpdir(), 'quayside-stacks-'));
const built = pathToFileURL(join(folder, 'built.js')).href;
// Line 1 is line 3 of `part.ts` from column 5 on; from column 21 on it is of no source.
writeFileSync(
  join(folder, 'built.js.map'),
  JSON.stringify({ version: 3, sources: ['part.ts'], names: [], mappings: 'AAAA,IAEI,gB;A' }),
);
// oxlint-disable-next-line typescript/unbound-method -- it is put back, not called
const ours = Error.prepareStackTrace;

afterEach(() => {
  Error.prepareStackTrace = ours;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('inSources', () => {
  it('names the place in the source', () => {
    expect(inSources(`f (${built}:1:8)`)).toBe(`f (${join(folder, 'part.ts')}:3:5)`);
    expect(inSources(`${built}:1:1`)).toBe(`${join(folder, 'part.ts')}:1:1`);
  });

  it('leaves what is in no source of ours, or in no file with a map', () => {
    writeFileSync(join(folder, 'broken.js.map'), '{');
    const broken = pathToFileURL(join(folder, 'broken.js')).href;
    for (const frame of [
      `f (${built}:1:30)`,
      `${broken}:1:1`,
      'f (file:///no/such.js:1:1)',
      'f (node:net:12:3)',
      'f (<anonymous>)',
    ]) {
      expect(inSources(frame)).toBe(frame);
    }
  });
});

describe('followSources', () => {
  it('names the code of an error of Node’s', () => {
    followSources();
    const error = Object.assign(new TypeError('odd'), { code: 'ERR_ODD' });
    expect(error.stack!.split('\n')[0]).toBe('TypeError [ERR_ODD]: odd');
    const other = Object.assign(new Error('gone'), { code: 'ENOENT' });
    expect(other.stack!.split('\n')[0]).toBe('Error: gone');
  });

  it('writes a stack as V8 does, with what it was before', () => {
    const before = new TypeError('odd').stack!;
    followSources();
    const stack = new TypeError('odd').stack!;
    expect(stack.split('\n').slice(0, 1)).toEqual(['TypeError: odd']);
    // Jest's own way of writing stacks names functions otherwise.
    const places = (text: string): string[] => [...text.matchAll(/(?:node:|\/)\S+:\d+:\d+/g)].slice(1).map(String);
    expect(places(stack)).toEqual(places(before));
    expect(stack.split('\n')[1]).toMatch(/^ {4}at .*source-stacks\.spec/);
  });
});
