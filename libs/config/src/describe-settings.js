import { SETTINGS } from './settings.js';
const HEAD = `# Settings of Quayside. Copy what you change into the environment of the process; nothing here is required.
# Generated from libs/config/src/settings.ts by \`npm run generate\`; do not edit.
`;
/** The text of `.env.example`: every setting, commented out, with its default. */
export function envExample() {
  const blocks = byGroup().map(([group, rows]) => {
    const lines = rows.map(
      ([name, row]) => `# ${row.comment}\n# Default: ${defaultOf(row)}\n#${name}=${exampleOf(row)}\n`,
    );
    return `\n## ${group}\n\n${lines.join('\n')}`;
  });
  return HEAD + blocks.join('');
}
/** The Markdown tables of docs/operations.md. */
export function settingsTables() {
  return byGroup()
    .map(([group, rows]) => {
      const cells = rows.map(([name, row]) => [
        `\`${name}\``,
        escapeCell(defaultOf(row, true)),
        escapeCell(row.comment),
      ]);
      return `### ${group}\n\n${table(['Setting', 'Default', 'Meaning'], cells)}`;
    })
    .join('\n');
}
function byGroup() {
  const groups = new Map();
  for (const [name, row] of Object.entries(SETTINGS)) {
    groups.set(row.group, [...(groups.get(row.group) ?? []), [name, row]]);
  }
  return [...groups];
}
function defaultOf(row, asCode = false) {
  if (row.fallbackNote !== undefined) return row.fallbackNote;
  return asCode ? `\`${row.fallback}\`` : (row.fallback ?? '');
}
/** Defaults that differ from machine to machine are left empty, so that the file is the same everywhere. */
function exampleOf(row) {
  return row.fallbackNote === undefined ? (row.fallback ?? '') : '';
}
function escapeCell(text) {
  return text.replaceAll('|', '\\|');
}
/** A table laid out as the formatter lays it out, so that a generated document passes the format check. */
function table(head, rows) {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  return line(head) + line(widths.map((width) => '-'.repeat(width))) + rows.map(line).join('');
}
//# sourceMappingURL=describe-settings.js.map
