export { loadConfig } from './load-config.js';
export type { Config, LogLevel } from './config.js';
export { ConfigError, type SettingFault } from './config-error.js';
export { SETTINGS, type SettingName } from './settings.js';
export type { PortRange } from './values.js';
export { passiveShare, workerPlace, type WorkerPlace } from './passive-share.js';
export { envExample, settingsTables } from './describe-settings.js';
