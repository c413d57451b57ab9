import type { CommandDefinition } from './define-command.js';

/** Verbs about the session itself: login, TLS, representation, navigation, information. */
export const SESSION_COMMANDS: readonly CommandDefinition[] = [];
