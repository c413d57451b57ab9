import { SETTINGS } from './settings.js';
/** Longest typing slip that still counts as "meant that setting". */
const MAX_SLIPS = 2;
/**
 * Variables that are almost a setting (`FTP_PASIVE_PORTS`). A slip that is ignored runs the server with the default
 * and nobody notices, so it is a fault.
 */
export function similarNames(env) {
  const known = Object.keys(SETTINGS);
  const faults = [];
  for (const name of Object.keys(env)) {
    if (name in SETTINGS || name.length < 7) continue;
    const meant = known.find((candidate) => env[candidate] === undefined && isNear(name.toUpperCase(), candidate));
    if (meant !== undefined) faults.push({ name, message: `is not a setting; did you mean ${meant}?` });
  }
  return faults;
}
/** Levenshtein distance of at most {@link MAX_SLIPS}. */
function isNear(a, b) {
  if (Math.abs(a.length - b.length) > MAX_SLIPS) return false;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return (previous[b.length] ?? Infinity) <= MAX_SLIPS;
}
//# sourceMappingURL=similar-names.js.map
