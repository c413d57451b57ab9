// oxlint-disable-next-line typescript/triple-slash-reference -- ambient types reach the apps' compilations only so
/// <reference path="./ftp-srv.d.ts" />
import registry from 'ftp-srv/src/commands/registry.js';
import type { CommandDefinition } from '../commands/define-command.js';

/** What the registry's handlers find on a connection; the frame puts it there. */
export interface RegistryTarget {
  submit(line: string): void;
}

const TARGET = Symbol('target');

interface Connected {
  [TARGET]?: RegistryTarget | null;
}

/**
 * Say which control channel serves a connection of ftp-srv's; null when it is gone. A property of the connection, since
 * the values of a WeakMap outlive every small collection of garbage.
 */
export function connectRegistry(connection: object, target: RegistryTarget | null): void {
  (connection as Connected)[TARGET] = target;
}

/**
 * Make ftp-srv's command registry the image of our table: its own handlers are gone, and a command that reaches
 * `connection.commands.handle` goes through our control channel like one from the wire. Commands from the wire do not
 * take this way, since ftp-srv's promise chain per command costs more than the commands themselves. The registry is
 * one object per process, so this may run any number of times.
 */
export function installRegistry(commands: readonly CommandDefinition[]): void {
  for (const name of Object.keys(registry)) delete registry[name];
  for (const command of commands) {
    for (const name of [command.directive, ...(command.aliases ?? [])]) {
      registry[name] = {
        directive: name,
        syntax: command.syntax,
        description: command.description,
        // Our own guard answers what needs a login.
        flags: { ...command.flags, no_auth: true },
        handler(this: unknown, context) {
          (this as Connected)[TARGET]?.submit(context.command.raw);
        },
      };
    }
  }
}

/** The verbs that ftp-srv knows now. */
export function registeredVerbs(): string[] {
  return Object.keys(registry);
}
