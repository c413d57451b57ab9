import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { VirtualPath } from '@quayside/domain';
import { errorCode, type NativeUse, openRootedFolder, type RootedFolder, type SystemPath } from '@quayside/native';
import { decodeName, hasEscapedBytes } from '../names.js';
import { SeenFolders } from './seen-folders.js';

export interface LocalSpaceOptions {
  /** Absolute folder of the space; `files` and `staging` are made in it at first use. */
  readonly folder: string;
  readonly native: NativeUse;
  /** Permission bits of new files and folders, before the umask. */
  readonly fileMode: number;
  readonly directoryMode: number;
  /** Folder of the space that is shown as `/`. */
  readonly prefix: VirtualPath;
}

/** The two open folders of a space: the tree that clients see, and the staging area that they never see. */
export class LocalSpace {
  readonly options: LocalSpaceOptions;
  /** Of the tree that clients see. */
  readonly seenFolders = new SeenFolders();
  #files: RootedFolder | null = null;
  #staging: RootedFolder | null = null;

  constructor(options: LocalSpaceOptions) {
    this.options = options;
  }

  get files(): RootedFolder {
    return (this.#files ??= this.#openFiles());
  }

  get staging(): RootedFolder {
    return (this.#staging ??= openMade(this.stagingFolder, 0o700, this.options.native));
  }

  /** The folder of the space, which exists when this returns. */
  madeFolder(): string {
    this.#files ??= this.#openFiles();
    return this.options.folder;
  }

  get stagingFolder(): string {
    return join(this.options.folder, 'staging');
  }

  /** A path of this backend as a path of the whole space. */
  spacePath(path: VirtualPath): VirtualPath {
    const { prefix } = this.options;
    if (prefix === '/') return path;
    return (path === '/' ? prefix : prefix + path) as VirtualPath;
  }

  /** A path of the space as this backend shows it; null where it lies elsewhere. */
  viewPath(path: VirtualPath): VirtualPath | null {
    const { prefix } = this.options;
    if (prefix === '/') return path;
    if (path === prefix) return '/' as VirtualPath;
    return path.startsWith(`${prefix}/`) ? (path.slice(prefix.length) as VirtualPath) : null;
  }

  /** After ENOENT: when the folder itself was removed (another mount may do that), open it anew at the next call. */
  forgetIfGone(): void {
    if (this.#files?.isGone() !== true) return;
    SeenFolders.forgetAll();
    this.#files.close();
    this.#files = null;
  }

  close(): void {
    this.#files?.close();
    this.#staging?.close();
    this.#files = null;
    this.#staging = null;
  }

  #openFiles(): RootedFolder {
    const { folder, native, directoryMode, prefix } = this.options;
    const root = openMade(join(folder, 'files'), directoryMode, native);
    if (prefix === '/') return root;
    try {
      let made = '';
      for (const segment of prefix.slice(1).split('/')) {
        made += made === '' ? segment : `/${segment}`;
        makeUnlessThere(root, systemPath(`/${made}` as VirtualPath), directoryMode);
      }
      return root.enter(systemPath(prefix));
    } finally {
      root.close();
    }
  }
}

/** A virtual path as the rooted folders take it. */
export function systemPath(path: VirtualPath): SystemPath {
  const relative = path.slice(1);
  return hasEscapedBytes(relative) ? decodeName(relative) : relative;
}

function openMade(folder: string, mode: number, native: NativeUse): RootedFolder {
  try {
    return openRootedFolder(folder, native);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    mkdirSync(folder, { recursive: true, mode });
    return openRootedFolder(folder, native);
  }
}

function makeUnlessThere(root: RootedFolder, path: SystemPath, mode: number): void {
  try {
    root.makeDirectory(path, mode);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
