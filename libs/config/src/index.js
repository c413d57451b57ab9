export { loadConfig } from './load-config.js';
export { ConfigError } from './config-error.js';
export { SETTINGS } from './settings.js';
export { passiveShare, workerPlace } from './passive-share.js';
export { envExample, settingsTables } from './describe-settings.js';
//# sourceMappingURL=index.js.map
