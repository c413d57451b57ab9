import type { Readable } from 'node:stream';
import type { VirtualPath } from '@quayside/domain';

/** What kind of thing a name is. `other` (FIFO, device, socket, symlink that leaves the space) is never opened. */
export type EntryKind = 'file' | 'directory' | 'other';

/** One name in a space. */
export interface Entry {
  /** Bytes that are not UTF-8 are escaped as in names.ts; empty for the root. */
  readonly name: string;
  readonly kind: EntryKind;
  /** Bytes; 0 for directories. */
  readonly size: number;
  readonly modifiedMs: number;
  /** Unix permission bits (0o777). */
  readonly mode: number;
  /** Equal for hard links of one object, unique otherwise: the RFC 3659 `unique` fact. */
  readonly unique: string;
  readonly links: number;
}

/** A file open for reading. `fd` is set where the kernel may send it without our copying (sendfile). */
export interface OpenFile {
  readonly entry: Entry;
  readonly fd: number | null;
  /** Read up to `length` bytes at `position` into `buffer` at `offset`; resolves to 0 at the end. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** The same without a thread-pool hop, for small files; null where the backend has none. */
  readSync: ((buffer: Uint8Array, offset: number, length: number, position: number) => number) | null;
  close(): Promise<void>;
}

/** Whose upload it is and where it goes; identifies a staged partial. */
export interface UploadTarget {
  readonly path: VirtualPath;
  readonly accountId: string;
  /** Unique per transfer; names the staging file. */
  readonly transferId: string;
}

export interface OpenWriteOptions {
  /** `staged`: bytes show under the final name at publish only. `direct`: written in place. */
  readonly mode: 'staged' | 'direct';
  /**
   * `replace` starts empty. `resume` continues at `start` the account's own staged partial where there is one, else a
   * staged copy of the committed file's first `start` bytes. `append` is `resume` at the present end.
   * `create` fails with `path.exists` at publish when the name is taken (STOU).
   */
  readonly intent: 'replace' | 'resume' | 'append' | 'create';
  /** Byte position for `resume`; beyond the present size it is refused with `restart.beyond-end`. */
  readonly start: number;
  /** The caller has just looked: the name is free in a folder that exists, or it is a file. */
  readonly looked?: boolean;
}

/** What happened to the name at publish. */
export interface Published {
  readonly entry: Entry;
  /** Bytes of the file that was replaced; null where the name was free. Exact also under concurrent publishes. */
  readonly replacedBytes: number | null;
}

/**
 * One upload being written. Order: write…, seal, (journal the intent with `token`), publish, (journal the result),
 * finish. Or abandon at any point before publish.
 */
export interface StorageWriter {
  /** Size before the first byte of this transfer: 0, or what a resume or append kept. */
  readonly startBytes: number;
  /** Bytes of the staged file now. */
  readonly bytes: number;
  /** File descriptor for fast paths that write at `bytes` themselves and then call `advance`; null where there is none. */
  readonly fd: number | null;
  advance(bytes: number): void;
  /** Append chunks in order. One call at a time. Throws DomainError `storage.full` on ENOSPC. */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** The same without a thread-pool hop; null where the backend has none. */
  writeSync: ((chunk: Uint8Array) => void) | null;
  /** No more bytes. With `sync`, the bytes are on the disk when it resolves. */
  seal(options: { readonly sync: boolean }): Promise<void>;
  /** Opaque text for the journal, valid after seal: `recover(token)` tells after a crash whether publish happened. */
  readonly token: string;
  /**
   * Atomically give the final name to the sealed bytes. What cannot be replaced (a directory, a special file, a symlink)
   * fails like any other refusal, and the writer can still be abandoned.
   */
  publish(): Promise<Published>;
  /**
   * After the result is journalled: drop the replaced content, and an older partial of the account at the same path.
   * Resolves to that partial's `transferId`, null where there was none. Never throws.
   */
  finish(): Promise<string | null>;
  /**
   * Give up. With `keep`, the staged bytes stay for the same account and path (`direct`: they stay in place).
   * Never throws; resolves to what was kept.
   */
  abandon(options: { readonly keep: boolean }): Promise<Abandoned>;
}

/** What an upload that was given up left behind. */
export interface Abandoned {
  /** Bytes that its account can resume. */
  readonly keptBytes: number;
  /** `direct` only: what the name holds now and held before, for the ledger. Null where the tree did not change. */
  readonly inPlace: InPlace | null;
}

/** A file that was changed at its final name. */
export interface InPlace {
  readonly bytes: number;
  /** Null where the name was free. */
  readonly replacedBytes: number | null;
}

/** The outcome of an interrupted publish, found after a crash. */
export type Recovery =
  | {
      readonly published: true;
      readonly bytes: number;
      readonly replacedBytes: number | null;
      /** After the result is journalled: drop the replaced content. Until then the same answer is given again. Never throws. */
      finish(): Promise<void>;
    }
  | ({ readonly published: false } & Abandoned);

/** A removal in two steps, so that a crash between them leaves either the file or its journalled deletion. */
export interface Detached {
  readonly bytes: number;
  /** Drop the bytes; after the deletion is journalled. Never throws. */
  finish(): Promise<void>;
}

/** Bytes and files of a part of a tree; directories count nothing. */
export interface TreeSize {
  readonly bytes: number;
  readonly files: number;
}

/** How something goes from one tree into another. */
export interface MoveOptions {
  /** Names what is under way in staging. */
  readonly id: string;
  /** Whether a file may take the place of a file. Directories never replace anything (`path.exists`). */
  readonly replace: boolean;
  /** Whether the new tree has room: asked before the name is switched. Else nothing is moved (`path.busy`). */
  readonly admits: (moved: TreeSize, replacedBytes: number | null) => boolean;
}

/** What a move did to the two trees. */
export interface Moved extends TreeSize {
  /** Bytes of the file that was replaced; null where the name was free. */
  readonly replacedBytes: number | null;
  /** After the move is journalled: drop the replaced content; until then `recoverMove` tells the same. Never throws. */
  finish(): Promise<void>;
}

/** A staged partial that its account can resume. */
export interface StagedPartial {
  readonly path: VirtualPath;
  readonly accountId: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** Quota lease or other text that the owner attached when it was kept; empty where none. */
  readonly transferId: string;
}

/**
 * A tree of files. A backend is built rooted at one space (`enter` goes further down, never up), knows no accounts,
 * permissions or protocol, and throws DomainErrors only (`path.*`, `storage.*`, `restart.beyond-end`).
 */
export interface StorageBackend {
  readonly kind: string;
  /** The same tree rooted further down, for good; a folder that does not exist is made at first use. Staging is shared. */
  enter(path: VirtualPath): StorageBackend;
  /** Release descriptors; open files and writers stay usable. The next call opens anew. */
  close(): void;
  stat(path: VirtualPath): Promise<Entry>;
  /**
   * stat without a thread-pool hop, and null instead of an error where the name is free in a folder that exists: most
   * uploads meet that. Null where the backend has none.
   */
  readonly statSync: ((path: VirtualPath) => Entry | null) | null;
  /** Entries of a directory in pages, in no order. `.` and `..` are left out. */
  list(path: VirtualPath, options: { readonly signal?: AbortSignal }): AsyncIterable<readonly Entry[]>;
  openRead(path: VirtualPath): Promise<OpenFile>;
  /** A node stream over openRead, for consumers that want one. */
  createReadStream(
    path: VirtualPath,
    options: { readonly start?: number; readonly signal?: AbortSignal },
  ): Promise<Readable>;
  openWrite(target: UploadTarget, options: OpenWriteOptions): Promise<StorageWriter>;
  /**
   * Move a file or directory. With `replaceId`, a file may replace a file atomically: the old one is detached under that
   * id. Directories never replace anything (`path.exists`).
   */
  rename(from: VirtualPath, to: VirtualPath, options: { readonly replaceId: string | null }): Promise<Detached | null>;
  /**
   * Move a file or directory into the tree of another backend: all of it or nothing, and exactly counted. Throws
   * `path.name-refused` where the two trees cannot exchange names.
   */
  moveInto(from: VirtualPath, target: StorageBackend, to: VirtualPath, options: MoveOptions): Promise<Moved>;
  /** Take a file out of the tree under an id of the caller's; its bytes are dropped by `finish`. */
  detach(path: VirtualPath, id: string): Promise<Detached>;
  makeDirectory(path: VirtualPath): Promise<void>;
  /** `path.not-empty` where it is not. */
  removeDirectory(path: VirtualPath): Promise<void>;
  setModified(path: VirtualPath, ms: number): Promise<void>;
  setMode(path: VirtualPath, mode: number): Promise<void>;
  /** The account's own staged partial at a path; null where there is none. */
  partial(path: VirtualPath, accountId: string): Promise<StagedPartial | null>;
  /** The account's staged partials directly in a directory. */
  partialsIn(directory: VirtualPath, accountId: string): Promise<readonly StagedPartial[]>;
  /** Every staged partial of the space (upkeep, API). */
  partials(): AsyncIterable<StagedPartial>;
  /** Drop a staged partial; false where there was none. */
  dropPartial(path: VirtualPath, accountId: string): Promise<boolean>;
  /** After a crash: what became of an upload; `token` is its writer's where it was sealed. Unpublished bytes become a partial. */
  recoverUpload(target: UploadTarget, token: string | null): Promise<Recovery>;
  /** What a detach under this id left when the process died; null where it had not happened or was finished. */
  recoverDetach(id: string): Promise<Detached | null>;
  /** What became of `moveInto` with this id when the process died: null where nothing was moved, and nothing is then. */
  recoverMove(id: string, from: VirtualPath): Promise<Moved | null>;
  /** Bytes and files of the committed tree, or of what is at a path of it, counted. */
  measure(options: { readonly path?: VirtualPath; readonly signal?: AbortSignal }): Promise<TreeSize>;
  /** Free bytes of the medium that an ordinary upload may use. */
  freeBytes(): Promise<number>;
}
