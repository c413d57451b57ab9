import { abor } from './abor.js';
import { acct } from './acct.js';
import { auth } from './auth.js';
import { ccc } from './ccc.js';
import { cdup } from './cdup.js';
import { clnt } from './clnt.js';
import { cwd } from './cwd.js';
import type { CommandDefinition } from './define-command.js';
import { host } from './host.js';
import { lang } from './lang.js';
import { mode } from './mode.js';
import { noop } from './noop.js';
import { notImplemented } from './not-implemented.js';
import { opts } from './opts.js';
import { pass } from './pass.js';
import { pbsz } from './pbsz.js';
import { prot } from './prot.js';
import { pwd } from './pwd.js';
import { quit } from './quit.js';
import { rein } from './rein.js';
import { site } from './site.js';
import { stru } from './stru.js';
import { syst } from './syst.js';
import { type } from './type.js';
import { user } from './user.js';

/** Verbs about the session itself: login, TLS, representation, navigation, information. */
export const SESSION_COMMANDS: readonly CommandDefinition[] = [
  user,
  pass,
  acct,
  rein,
  quit,
  auth,
  pbsz,
  prot,
  ccc,
  host,
  type,
  stru,
  mode,
  cwd,
  cdup,
  pwd,
  abor,
  noop,
  syst,
  opts,
  clnt,
  lang,
  site,
  ...notImplemented,
];
