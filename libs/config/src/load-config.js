import { ConfigError } from './config-error.js';
import { toConfig } from './config.js';
import { crossChecks } from './cross-checks.js';
import { hostChecks } from './host-checks.js';
import { SETTINGS } from './settings.js';
import { similarNames } from './similar-names.js';
/**
 * Reads the settings once. Throws a {@link ConfigError} that names every fault; an empty variable counts as unset.
 * Makes DATA_DIR where it is missing, because whether it can be made is one of the checks.
 */
export function loadConfig(env) {
  const faults = [];
  const values = {};
  for (const [name, row] of Object.entries(SETTINGS)) {
    const text = env[name] === undefined || env[name] === '' ? row.fallback : env[name].trim();
    if (text === null) continue;
    const parsed = row.value.safeParse(text);
    if (parsed.success) values[name] = parsed.data;
    else {
      const message = parsed.error.issues[0]?.message ?? 'is not valid';
      faults.push({ name, message: row.secret === true ? message : `${message}; it is ${JSON.stringify(text)}` });
    }
  }
  const parsedValues = values;
  faults.push(...crossChecks(parsedValues), ...hostChecks(parsedValues), ...similarNames(env));
  if (faults.length > 0) throw new ConfigError(faults);
  return toConfig(parsedValues);
}
//# sourceMappingURL=load-config.js.map
