const WIDTH = 860;
const LABELS = 330;
const RIGHT = 60;
const ROW = 26;
const TOP = 64;
const BOTTOM = 40;
/** The axis is logarithmic: twice as good and half as good are equally far from the line. */
const LEAST = 1 / 16;
const MOST = 64;
const TICKS = [1 / 16, 1 / 4, 1, 4, 16, 64];

/**
 * One SVG: for every row with a peer, how many times as good as the best peer Quayside is (above 1: better, in either
 * direction of the figure), and where the bar is that it must reach.
 */
export function ratioChart(summaries, { title, note }) {
  const rows = summaries.flatMap((summary) => barOf(summary) ?? []);
  const height = TOP + rows.length * ROW + BOTTOM;
  const bottom = TOP + rows.length * ROW;
  const ticks = TICKS.map(
    (tick) => `
  <line class="${tick === 1 ? 'one' : 'tick'}" x1="${at(tick)}" x2="${at(tick)}" y1="${TOP - 8}" y2="${bottom}"/>
  <text class="axis" x="${at(tick)}" y="${bottom + 18}" text-anchor="middle">${tick < 1 ? `1/${1 / tick}` : tick}×</text>`,
  );
  const bars = rows.map(({ label, goodness, must, better }, index) => {
    const y = TOP + index * ROW;
    const [from, to] = [Math.min(at(1), at(goodness)), Math.max(at(1), at(goodness))];
    const number = `${goodness >= 10 ? goodness.toFixed(0) : goodness.toFixed(2)}×`;
    const mark =
      must === null
        ? ''
        : `<line class="must" x1="${at(must)}" x2="${at(must)}" y1="${y + 2}" y2="${y + ROW - 6}"><title>must: ${must.toFixed(2)}×</title></line>`;
    return `
  <text class="label" x="${LABELS - 12}" y="${y + 15}" text-anchor="end">${escaped(label)}</text>
  <rect class="${better ? 'ahead' : 'behind'}" x="${from}" y="${y + 4}" width="${Math.max(1, to - from)}" height="${ROW - 12}" rx="2"/>
  ${mark}
  <text class="number" x="${goodness >= 1 ? to + 6 : from - 6}" y="${y + 15}" text-anchor="${goodness >= 1 ? 'start' : 'end'}">${number}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">
  <style>
    svg { font: 12px system-ui, sans-serif; }
    text { fill: #1f2933; }
    .title { font-size: 16px; font-weight: 600; }
    .note, .axis { fill: #52606d; font-size: 11px; }
    .number { font-size: 11px; font-variant-numeric: tabular-nums; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
    .ahead { fill: #1b7f5c; } .behind { fill: #c2621b; }
    .tick { stroke: #e4e7eb; } .one { stroke: #1f2933; } .must { stroke: #1f2933; stroke-width: 2; stroke-dasharray: 3 2; }
  </style>
  <rect width="${WIDTH}" height="${height}" fill="#fff"/>
  <text class="title" x="16" y="26">${escaped(title)}</text>
  <text class="note" x="16" y="44">${escaped(note)}</text>${ticks.join('')}${bars.join('')}
</svg>
`;
}

function barOf({ row, ours, best, must }) {
  if (ours === null || best === null) return null;
  const higher = row.better === 'higher';
  const goodness = higher ? ours.median / best.median : best.median / ours.median;
  const wanted = row.absolute || row.must === null ? null : higher ? row.must : 1 / row.must;
  return { label: row.fullTitle, goodness, must: wanted, better: must !== false && goodness >= 1 };
}

function at(ratio) {
  const share = Math.log(Math.min(Math.max(ratio, LEAST), MOST) / LEAST) / Math.log(MOST / LEAST);
  return Number((LABELS + share * (WIDTH - LABELS - RIGHT)).toFixed(1));
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
