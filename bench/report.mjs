// Writes the measured part of docs/benchmarks.md and its chart from results: `node bench/report.mjs [result.json]`, the
// newest of bench/results when none is named. What stands outside the markers is written by people and stays.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { fail } from '../scripts/setup.mjs';
import { ratioChart } from './chart.mjs';
import { FIGURES } from './rows.mjs';
import { shown, summarizeAll } from './summary.mjs';

const ROOT = join(import.meta.dirname, '..');
const RESULTS = join(import.meta.dirname, 'results');
const DOCUMENT = join(ROOT, 'docs/benchmarks.md');
const CHART = join(ROOT, 'docs/benchmarks.svg');
const SCALE = 'scale-';

async function report() {
  const file = process.argv[2] ?? newest((name) => !name.startsWith(SCALE));
  if (file === null) throw new Error('There are no results yet: npm run bench');
  const results = JSON.parse(readFileSync(file, 'utf8'));
  const summaries = titled(summarizeAll(results));
  let document = readFileSync(DOCUMENT, 'utf8');
  document = between(document, 'results', measuredPart(results, summaries, relative(ROOT, file)));
  const scale = newest((name) => name.startsWith(SCALE));
  if (scale !== null) {
    document = between(document, 'scale', scalePart(JSON.parse(readFileSync(scale, 'utf8')), relative(ROOT, scale)));
  }
  writeFileSync(DOCUMENT, await format(document, { ...(await resolveConfig(DOCUMENT)), parser: 'markdown' }));
  const title = 'Quayside compared with the best of its peers, row by row';
  const note = `1× = best peer; to the right is better, logarithmic; dashed: the bar of the row; ${results.machine.cpu}`;
  writeFileSync(CHART, ratioChart(summaries, { title, note }));
}

/** The text with what stands between the markers of a part replaced. */
function between(text, part, content) {
  const [opening, closing] = [`<!-- ${part}:start -->`, `<!-- ${part}:end -->`];
  const [start, end] = [text.indexOf(opening), text.indexOf(closing)];
  if (start === -1 || end < start) throw new Error(`${DOCUMENT} lacks its markers ${opening} and ${closing}`);
  return `${text.slice(0, start)}${opening}\n\n${content}\n\n${text.slice(end)}`;
}

/** Names begin with a date, so the last is the newest; null where there is none. */
function newest(isWanted) {
  const name = readdirSync(RESULTS)
    .filter((entry) => entry.endsWith('.json') && /^(scale-)?\d/.test(entry) && isWanted(entry))
    .toSorted()
    .at(-1);
  return name === undefined ? null : join(RESULTS, name);
}

/** A table for each curve, and how each figure grew from the first step to the last. */
function scalePart({ startedAt, machine, curves }, file) {
  const tables = curves.map(({ of, rows }) => {
    const columns = Object.keys(rows[0]).filter((column) => column !== 'of');
    const grown = columns.map((column) => growth(rows.at(-1)[column] / rows[0][column]));
    return [
      `| ${of} | ${columns.join(' | ')} |`,
      `|---|${columns.map(() => '---').join('|')}|`,
      ...rows.map(
        (row) => `| ${row.of.toLocaleString('en-US')} | ${columns.map((column) => shown(row[column])).join(' | ')} |`,
      ),
      `| last to first | ${grown.join(' | ')} |`,
    ].join('\n');
  });
  return [
    `Measured ${startedAt.slice(0, 10)} on ${machine.cores} cores of ${machine.cpu}, Node.js ${machine.node}, commit ${machine.commit ?? 'unknown'}: [${file}](../${file}).`,
    ...tables,
  ].join('\n\n');
}

function growth(ratio) {
  return Number.isFinite(ratio) && ratio > 0 ? `× ${shown(ratio)}` : '–';
}

/** A title that begins with … goes on from the one before it. */
function titled(summaries) {
  let stem = '';
  return summaries.map((summary) => {
    const { title, figure } = summary.row;
    if (!title.startsWith('…')) stem = title.split(/,| \(/)[0];
    const fullTitle = title.startsWith('…') ? `${stem},${title.slice(1)}` : title;
    return { ...summary, row: { ...summary.row, fullTitle, better: FIGURES[figure].better } };
  });
}

function measuredPart(results, summaries, file) {
  const { machine, options, servers, missing, runs } = results;
  const foreign = runs.map(({ foreignCores }) => foreignCores).filter((cores) => cores !== undefined);
  const lines = [
    `Measured ${results.startedAt.slice(0, 10)} on ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node.js ${machine.node} (OpenSSL ${machine.openssl}), ${machine.congestionControl}, ${options.rounds} rounds, certificate ${options.certificate.toUpperCase()}, commit ${machine.commit ?? 'unknown'}: [${file}](../${file}).`,
    `Compared: ${servers.filter((name) => name !== 'quayside').join(', ')}.`,
  ];
  if (missing.length > 0) lines.push(`Left out: ${missing.map(({ name }) => name).join(', ')}.`);
  if (foreign.length > 0) {
    lines.push(`Other programs used ${shown(Math.max(...foreign))} cores at most while a row ran.`);
  }
  return `${lines.join('\n')}\n\n![Ratio to the best peer, row by row](benchmarks.svg)\n\n${table(summaries)}`;
}

function table(summaries) {
  const head = ['Row', 'Quayside', 'Spread', 'CPU', 'Memory', 'Best peer', 'Ratio', 'Must', 'Aim'];
  const body = summaries.map(({ row, ours, best, ratio, must, aim }) => {
    const { unit } = FIGURES[row.figure];
    return [
      row.fullTitle,
      ours === null ? 'failed' : `${shown(ours.median)} ${unit}`,
      ours === null ? '' : `${shown(ours.least)}–${shown(ours.greatest)}`,
      ours?.cpu ? `${shown(ours.cpu.value)} ${ours.cpu.unit}${after(ours)}` : '',
      ours === null || ours.memoryMb === 0 ? '' : `${shown(ours.memoryMb)} MB`,
      best === null
        ? ''
        : `${best.name}: ${shown(best.median)} ${unit}${best.cpu ? `, ${shown(best.cpu.value)} ${best.cpu.unit}` : ''}`,
      ratio === null ? '' : ratio.toFixed(2),
      bar(row.must, must, row),
      bar(row.aim, aim, row),
    ];
  });
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function after({ cpuAfter }) {
  return cpuAfter >= 0.05 ? ` (+${Math.round(cpuAfter * 100)} % later)` : '';
}

function bar(value, reached, row) {
  if (value === null || value === undefined) return '';
  const unit = row.absolute ? ` ${FIGURES[row.figure].unit}` : '';
  return `${value.toLocaleString('en-US')}${unit} ${reached === null ? '' : reached ? 'yes' : '**no**'}`.trim();
}

await report().catch(fail);
