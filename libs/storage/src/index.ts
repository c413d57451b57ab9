export * from './storage-backend.js';
