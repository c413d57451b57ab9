import { FIGURES } from './rows.mjs';

/** Median, least and greatest of the runs of one row on one server, with what they cost; null without a good run. */
export function summarize(row, runs) {
  const good = runs.filter(({ error }) => error === undefined);
  if (good.length === 0) return null;
  const figure = FIGURES[row.figure];
  const values = good.map((run) => figure.value(run)).toSorted((a, b) => a - b);
  const cost = figure.cpu === undefined ? null : good.map((run) => figure.cpu(run));
  const settled = good.map((run) => (run.cpuSeconds > 0 ? (run.cpuAfterSeconds ?? 0) / run.cpuSeconds : 0));
  return {
    median: median(values),
    least: values[0],
    greatest: values.at(-1),
    runs: good.length,
    failed: runs.length - good.length,
    cpu: cost === null ? null : { value: median(cost.map(({ value }) => value)), unit: cost[0].unit },
    /** CPU that the work still took afterwards, as a part of what it took meanwhile. */
    cpuAfter: median(settled),
    memoryMb: median(good.map(({ memoryMb }) => memoryMb ?? 0)),
    p99us: median(good.map(({ p99us }) => p99us ?? 0)),
  };
}

/** Every row with all servers' summaries, the best peer, the ratio to it and how it stands to its bars. */
export function summarizeAll(results) {
  const { rows, servers, runs } = results;
  const measured = new Set(runs.map(({ row }) => row));
  return rows
    .filter(({ name }) => measured.has(name))
    .map((row) => {
      const of = (server, name = row.name) =>
        summarize(
          row,
          runs.filter((run) => run.row === name && run.server === server),
        );
      const ours = of('quayside');
      const better = FIGURES[row.figure].better;
      const peers = servers
        .filter((name) => name !== 'quayside')
        .flatMap((name) => {
          const summary = of(name, row.comparedWith ?? row.name);
          return summary === null ? [] : [{ name, ...summary }];
        });
      const best =
        peers.toSorted((a, b) => (better === 'higher' ? b.median - a.median : a.median - b.median))[0] ?? null;
      const ratio = ours === null || best === null ? null : ours.median / best.median;
      const figure = row.absolute ? (ours?.median ?? null) : ratio;
      return {
        row,
        ours,
        peers,
        best,
        ratio,
        must: reach(figure, row.must, row),
        aim: reach(figure, row.aim, row),
      };
    });
}

/** True, false, or null where there is no bar or no figure. A bar on a time is a ceiling. */
function reach(measured, bar, row) {
  if (measured === null || bar === null || bar === undefined) return null;
  return FIGURES[row.figure].better === 'higher' ? measured >= bar : measured <= bar;
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A figure as people read it: three digits that count. */
export function shown(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The table for the terminal. */
export function terminalTable(summaries) {
  const lines = [['row', 'ours', 'spread', 'cpu', 'best peer', 'its figure', 'ratio', 'must', 'aim']];
  for (const { row, ours, best, ratio, must, aim } of summaries) {
    const { unit } = FIGURES[row.figure];
    lines.push([
      row.name,
      ours === null ? 'failed' : `${shown(ours.median)} ${unit}`,
      ours === null ? '' : `${shown(ours.least)}–${shown(ours.greatest)}`,
      cpuText(ours),
      best?.name ?? '',
      best === null ? '' : `${shown(best.median)} ${unit}`,
      ratio === null ? '' : ratio.toFixed(2),
      bar(row.must, must),
      bar(row.aim, aim),
    ]);
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cpuText(ours) {
  if (ours === null || ours.cpu === null) return '';
  const after = ours.cpuAfter >= 0.05 ? ` +${Math.round(ours.cpuAfter * 100)}%` : '';
  return `${shown(ours.cpu.value)} ${ours.cpu.unit}${after}`;
}

function bar(value, reached) {
  if (value === null || value === undefined) return '';
  return `${reached === null ? ' ' : reached ? '✓' : '✗'} ${value.toLocaleString('en-US')}`;
}
