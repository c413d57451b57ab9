export * from './doctor/doctor-table.js';
export * from './ports.js';
export * from './engine-options.js';
export { shareSocketShapes } from './frame/socket-shapes.js';
export { FtpEngine, type RetirePlan, type SessionEnd } from './ftp-engine.js';
export type { SessionView } from './session/session-view.js';
