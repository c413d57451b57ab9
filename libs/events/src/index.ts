export * from './define-event.js';
export * from './envelope.js';
export * from './catalog.js';
