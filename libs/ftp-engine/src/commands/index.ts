import type { CommandDefinition } from './define-command.js';
import { FILE_COMMANDS } from './file-commands.js';
import { SESSION_COMMANDS } from './session-commands.js';

/** THE table of verbs. */
export const COMMANDS: readonly CommandDefinition[] = [...SESSION_COMMANDS, ...FILE_COMMANDS];
