export * from './test-database.js';
export * from './certificates.js';
export * from './connected-pair.js';
export * from './engine-fixture.js';
export * from './fake-ports.js';
export * from './raw-ftp-client.js';
export * from './protocol-fuzzer.js';
