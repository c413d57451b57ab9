/** A value of a CSV cell. */
export type CsvValue = string | number | boolean | null;

/** A text that a spreadsheet would take for a formula (CWE-1236). */
const FORMULA = /^[=+\-@\t\r]/;

/** One line of CSV (RFC 4180). Texts that would be formulas get an apostrophe in front; numbers stay numbers. */
export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(cell).join(',')}\r\n`;
}

function cell(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
