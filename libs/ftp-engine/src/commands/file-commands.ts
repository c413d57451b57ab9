import type { CommandDefinition } from './define-command.js';

/** Verbs that touch files or data connections. */
export const FILE_COMMANDS: readonly CommandDefinition[] = [];
