import { lines, reply } from '../control/reply.js';
import { type CommandDefinition, defineCommand } from './define-command.js';
import { siteHelp } from './site.js';

const PER_LINE = 10;

/** RFC 959 §4.1.3 HELP, from the table. */
export function defineHelp(table: () => readonly CommandDefinition[]): CommandDefinition {
  return defineCommand({
    directive: 'HELP',
    syntax: '{{cmd}} [<command>]',
    description: 'List the commands, or explain one',
    rfc: 'RFC 959 §4.1.3',
    flags: { no_auth: true },
    handler: ({ arg }) => {
      const wanted = arg.trim().toUpperCase();
      if (wanted.startsWith('SITE ')) return siteHelp(wanted.slice(5));
      if (wanted === '') return lines(214, 'The following commands are recognized:', columns(namesOf(table())), 'End');
      const found = table().find((command) => command.directive === wanted || command.aliases?.includes(wanted));
      if (found === undefined) return reply(501, 'Unrecognized command.');
      const rfc = found.rfc.replaceAll('§', 'section ');
      return reply(214, `Syntax: ${found.syntax.replaceAll('{{cmd}}', wanted)} (${found.description}; ${rfc})`);
    },
  });
}

function namesOf(table: readonly CommandDefinition[]): string[] {
  return table.flatMap((command) => [command.directive, ...(command.aliases ?? [])]).toSorted();
}

function columns(names: readonly string[]): string[] {
  const rows: string[] = [];
  for (let at = 0; at < names.length; at += PER_LINE) {
    rows.push(
      names
        .slice(at, at + PER_LINE)
        .map((name) => name.padEnd(8))
        .join('')
        .trimEnd(),
    );
  }
  return rows;
}
