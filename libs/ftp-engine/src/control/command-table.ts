import type { CommandDefinition } from '../commands/define-command.js';

/** Verbs by every spelling, for dispatch. */
export type CommandTable = ReadonlyMap<string, CommandDefinition>;

/** Throws when two rows claim one spelling: a fault of the table, found at start. */
export function compileTable(commands: readonly CommandDefinition[]): CommandTable {
  const table = new Map<string, CommandDefinition>();
  for (const command of commands) {
    for (const name of [command.directive, ...(command.aliases ?? [])]) {
      if (table.has(name)) throw new Error(`Two commands are called ${name}`);
      table.set(name, command);
    }
  }
  return table;
}
