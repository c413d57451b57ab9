export * from './ports.js';
export * from './engine-options.js';
