import { allo } from './allo.js';
import { appe } from './appe.js';
import { avbl } from './avbl.js';
import { dele } from './dele.js';
import type { CommandDefinition } from './define-command.js';
import { checksums, hash } from './hash.js';
import { list } from './list.js';
import { mdtm, mfmt } from './mdtm.js';
import { mkd } from './mkd.js';
import { mlsd } from './mlsd.js';
import { mlst } from './mlst.js';
import { nlst } from './nlst.js';
import { epsv, pasv } from './pasv.js';
import { eprt, port } from './port.js';
import { rang } from './rang.js';
import { rest } from './rest.js';
import { retr } from './retr.js';
import { rmd } from './rmd.js';
import { rnfr } from './rnfr.js';
import { rnto } from './rnto.js';
import { size } from './size.js';
import { stat } from './stat.js';
import { stor } from './stor.js';
import { stou } from './stou.js';

/** Verbs that touch files or data connections. */
export const FILE_COMMANDS: readonly CommandDefinition[] = [
  pasv,
  epsv,
  port,
  eprt,
  retr,
  stor,
  stou,
  appe,
  rest,
  rang,
  allo,
  list,
  nlst,
  mlsd,
  mlst,
  stat,
  size,
  mdtm,
  mfmt,
  hash,
  ...checksums,
  avbl,
  dele,
  rmd,
  mkd,
  rnfr,
  rnto,
];
