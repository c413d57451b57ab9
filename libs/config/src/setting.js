/** A setting that always has a value. */
export function setting(row) {
  return row;
}
/** A setting that may be left unset; `fallbackNote` says what happens then. */
export function optionalSetting(row) {
  return { ...row, fallback: null };
}
//# sourceMappingURL=setting.js.map
