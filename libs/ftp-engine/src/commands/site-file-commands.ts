import type { SiteCommand } from './site.js';

/** SITE commands that touch files. */
export const SITE_FILE_COMMANDS: readonly SiteCommand[] = [];
