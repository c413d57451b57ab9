import type { CommandDefinition } from './define-command.js';
import { defineFeat } from './feat.js';
import { FILE_COMMANDS } from './file-commands.js';
import { defineHelp } from './help.js';
import { SESSION_COMMANDS } from './session-commands.js';

/** THE table of verbs. */
export const COMMANDS: readonly CommandDefinition[] = [
  ...SESSION_COMMANDS,
  ...FILE_COMMANDS,
  defineFeat(() => COMMANDS),
  defineHelp(() => COMMANDS),
];
