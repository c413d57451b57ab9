import type { SettingFault } from './config-error.js';
import type { SettingValues } from './config.js';

/** Rules that look at more than one setting. Values that did not parse are absent and not judged again. */
export function crossChecks(values: Partial<SettingValues>): SettingFault[] {
  return [...portClashes(values), ...passiveRange(values), ...certificatePair(values), ...clientLogin(values)];
}

function portClashes(values: Partial<SettingValues>): SettingFault[] {
  const faults: SettingFault[] = [];
  const taken = new Map<number, string>();
  for (const name of ['API_PORT', 'FTP_PORT', 'FTPS_PORT'] as const) {
    const port = values[name];
    if (port === undefined || port === 0) continue;
    const other = taken.get(port);
    if (other !== undefined) faults.push({ name, message: `is ${port}, the same port as ${other}; give each its own` });
    taken.set(port, name);
    const range = values.FTP_PASSIVE_PORTS;
    if (range !== undefined && port >= range.first && port <= range.last) {
      faults.push({
        name,
        message: `is ${port}, inside FTP_PASSIVE_PORTS ${range.first}-${range.last}; move one of them`,
      });
    }
  }
  return faults;
}

function passiveRange(values: Partial<SettingValues>): SettingFault[] {
  const range = values.FTP_PASSIVE_PORTS;
  const workers = values.FTP_WORKERS;
  if (range === undefined || workers === undefined) return [];
  const size = range.last - range.first + 1;
  if (size >= workers) return [];
  return [
    {
      name: 'FTP_PASSIVE_PORTS',
      message: `has ${size} ports for ${workers} workers; each worker needs one at least: widen the range or lower FTP_WORKERS`,
    },
  ];
}

function certificatePair(values: Partial<SettingValues>): SettingFault[] {
  if ((values.FTP_TLS_CERT === undefined) === (values.FTP_TLS_KEY === undefined)) return [];
  const missing = values.FTP_TLS_CERT === undefined ? 'FTP_TLS_CERT' : 'FTP_TLS_KEY';
  return [{ name: missing, message: 'is missing: set FTP_TLS_CERT and FTP_TLS_KEY, or neither' }];
}

function clientLogin(values: Partial<SettingValues>): SettingFault[] {
  if (values.FTP_TLS_CLIENT_LOGIN !== 'required' || values.FTP_TLS_CLIENT_CA !== undefined) return [];
  return [
    { name: 'FTP_TLS_CLIENT_LOGIN', message: 'is required, but no FTP_TLS_CLIENT_CA says whose certificates count' },
  ];
}
