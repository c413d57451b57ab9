export * from './storage-backend.js';
export * from './names.js';
export * from './storage-errors.js';
export { LocalBackend, type LocalBackendOptions } from './local/local-backend.js';
export { MemoryBackend } from './memory/memory-backend.js';
export { MemoryStore } from './memory/memory-store.js';
