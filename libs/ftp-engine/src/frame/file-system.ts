import { createRequire } from 'node:module';
import type { FileSystem } from 'ftp-srv';

const require = createRequire(import.meta.url);

/** ftp-srv's FileSystem, the base of ours. Every method that touches a disk is overridden: none of its own may run. */
export const FtpFileSystem: typeof FileSystem = (require('ftp-srv') as typeof import('ftp-srv')).FileSystem;
