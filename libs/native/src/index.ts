export { errorCode } from './c-library.js';
export { hasNativeFolder, isEscape } from './native-folder.js';
export * from './open-beneath.js';
export { rawName } from './portable-folder.js';
export { factsOf, factsOfOpen, type FileFacts, type FolderReader, joinPath, O_PATH } from './rooted-folder.js';
export type { RootedFolder, SystemPath } from './rooted-folder.js';
export * from './reuse-port.js';
export * from './sendfile.js';
export * from './tls-tickets.js';
