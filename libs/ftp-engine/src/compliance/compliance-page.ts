import type { CommandDefinition } from '../commands/define-command.js';
import { DEFECTS, type Proof, RULES } from './proofs.js';

/** A spec file, relative to libs/ftp-engine/src, and its text. */
export interface SpecText {
  readonly file: string;
  readonly text: string;
}

/** The text of docs/ftp-compliance.md, from the command table and the table of proofs. */
export function compliancePage(table: readonly CommandDefinition[], specs: readonly SpecText[]): string {
  const verbs = table
    .toSorted((a, b) => (a.directive < b.directive ? -1 : 1))
    .map((command) => `| ${spellings(command)} | ${command.rfc} | ${status(command)} | ${testsOf(command, specs)} |`);
  return `# FTP compliance

Generated from the command table and from \`libs/ftp-engine/src/compliance/proofs.ts\` by
\`UPDATE_DOCS=1 npm test libs/ftp-engine/src/compliance\`; a test keeps it current. Paths are below
\`libs/ftp-engine/src\`; those that begin with a slash are the repository's.

## Verbs

| Verb | Defined in | Status | Tests that send it |
| --- | --- | --- | --- |
${verbs.join('\n')}

${RULES.map(({ title, rules }) => `## ${title}\n\n${rowsOf(rules)}\n`).join('\n')}
## Defects of ftp-srv 4.6.3 that must not come back

${rowsOf(DEFECTS)}
`;
}

function rowsOf(rows: readonly Proof[]): string {
  const lines = rows.map(({ promise, file, test }) => `| ${promise} | \`${file}\`: ${test} … |`);
  return `| Promise | Proof |\n| --- | --- |\n${lines.join('\n')}`;
}

function spellings({ directive, aliases = [] }: CommandDefinition): string {
  return [directive, ...aliases].join(', ');
}

function status({ description }: CommandDefinition): string {
  if (description.endsWith('(not implemented)')) return 'answers 502';
  return description.startsWith('Refused') ? 'refused by design' : 'implemented';
}

function testsOf({ directive, aliases = [] }: CommandDefinition, specs: readonly SpecText[]): string {
  const sent = new RegExp(`['"\`\\\\n](?:${[directive, ...aliases].join('|')})(?:[ '"\`]|\\\\r)`);
  const files = specs.filter(({ text }) => sent.test(text)).map(({ file }) => `\`${file}\``);
  return files.length === 0 ? 'fuzzer' : files.join(', ');
}
