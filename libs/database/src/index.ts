export * from './database.js';
export * from './database-errors.js';
export * from './database.module.js';
export * from './transaction.js';
