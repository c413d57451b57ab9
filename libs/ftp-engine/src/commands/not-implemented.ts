import { reply } from '../control/reply.js';
import { type CommandDefinition, defineCommand } from './define-command.js';

const NOT_IMPLEMENTED = reply(502, 'Command not implemented.');

/** Verbs of RFC 959 and RFC 2228 that are known and have no use here: 502 tells that from a typing error. */
export const notImplemented: readonly CommandDefinition[] = [
  ['SMNT', 'Mount another file system', 'RFC 959 §4.1.1'],
  ['ADAT', 'Authentication data of mechanisms other than TLS', 'RFC 2228 §3'],
  ['MIC', 'Integrity protected command', 'RFC 2228 §3'],
  ['CONF', 'Confidentiality protected command', 'RFC 2228 §3'],
  ['ENC', 'Privacy protected command', 'RFC 2228 §3'],
].map(([directive, description, rfc]) =>
  defineCommand({
    directive: directive!,
    syntax: '{{cmd}}',
    description: `${description} (not implemented)`,
    rfc: rfc!,
    flags: { no_auth: true },
    handler: () => NOT_IMPLEMENTED,
  }),
);
