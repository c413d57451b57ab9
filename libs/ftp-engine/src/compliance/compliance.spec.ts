import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { COMMANDS } from '../commands/index.js';
import { compliancePage } from './compliance-page.js';
import { DEFECTS, RULES } from './proofs.js';

const SOURCE = new URL('../', import.meta.url);
const PAGE = new URL('../../../../docs/ftp-compliance.md', import.meta.url);

const specs = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.spec.ts') && !file.startsWith('compliance/'))
  .toSorted()
  .map((file) => ({ file, text: readFileSync(new URL(file, SOURCE), 'utf8') }));

it('docs/ftp-compliance.md is current', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, compliancePage(COMMANDS, specs));
  expect(readFileSync(PAGE, 'utf8')).toBe(compliancePage(COMMANDS, specs));
});

function textOf(file: string): string {
  return readFileSync(
    file.startsWith('/') ? new URL(`../../../..${file}`, import.meta.url) : new URL(file, SOURCE),
    'utf8',
  );
}

it('every proof is a test that exists', () => {
  const missing = [...RULES.flatMap(({ rules }) => rules), ...DEFECTS].filter(
    ({ file, test }) => !textOf(file).includes(test),
  );
  expect(missing).toEqual([]);
});
