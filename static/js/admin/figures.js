// The operator's plots: fetched once, drawn by uPlot, redrawn when the window changes its width.

import uPlot from '../../vendor/uplot.js';
import { part, setText } from '../dom.js';
import { language, t } from '../text.js';

/** @typedef {{ at: number[], lines: (number | null)[][], words: string }} Figure */

const HEIGHT_PX = 240;
const BLUE = '#0b5cad', RED = '#b3261e', AMBER = '#b35900';

/** @type {Record<string, { unit: string, most?: number, bars?: boolean, lines: { label: string, stroke: string }[] }>} */
const PLOTS = {
  inflow: { unit: 'Mbit/s', lines: [{ label: t('stored'), stroke: BLUE }] },
  disk: { unit: 'GB', lines: [{ label: t('footage'), stroke: BLUE }, { label: t('room for footage'), stroke: RED }] },
  coverage: { unit: '%', most: 100, lines: [{ label: t('stored'), stroke: BLUE }] },
  alerts: { unit: '', bars: true, lines: [{ label: t('critical'), stroke: RED }, { label: t('warning'), stroke: AMBER }] },
};

/** @param {number} at_s */
const day = (at_s) => new Date(at_s * 1000).toLocaleDateString(language, { day: 'numeric', month: 'short' });

/** @param {number} at_s */
const instant = (at_s) => new Date(at_s * 1000).toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' });

/** @param {number | null} value */
const amount = (value) => (value === null || value === undefined ? '–' : value.toLocaleString(language));

/** @param {string} name @param {Figure} figure */
function draw(name, figure) {
  const about = PLOTS[name];
  if (!about) return;
  setText(part(`${name}-words`, HTMLElement), figure.words);
  const place = part(name, HTMLElement);
  if (!figure.at.length) return;
  const bars = uPlot.paths.bars?.({ size: [0.35, 24] });
  const shown = about.lines.map(({ label, stroke }, number) => ({
    label: about.unit ? `${label}, ${about.unit}` : label, stroke, width: 2, spanGaps: false, value: (/** @type {uPlot} */ _plot, /** @type {number | null} */ value) => amount(value), points: { show: figure.at.length < 20 },
    ...(about.bars && bars ? { paths: bars, fill: stroke, points: { show: false } } : {}),
    ...(number && !about.bars ? { dash: [6, 4] } : {}),
  }));
  const range = /** @type {uPlot.Range.Function} */ ((_plot, _least, most) => [0, about.most ?? (Math.max(most, 0.01) * 1.1)]);
  const plot = new uPlot({
    width: place.clientWidth - 16, height: HEIGHT_PX, series: [{ label: t('Time'), value: (_plot, at) => (at === null ? '–' : instant(at)) }, ...shown], scales: { y: { range } },
    axes: [{ values: (_plot, splits) => splits.map(day), space: 64 }, { values: (_plot, splits) => splits.map(amount), size: 56 }], cursor: { drag: { x: false, y: false } },
  }, /** @type {uPlot.AlignedData} */ ([figure.at, ...figure.lines]), place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth - 16, height: HEIGHT_PX })).observe(place);
}

const page = part('figures', HTMLElement);
try {
  const answer = await fetch(page.dataset['address'] ?? '', { credentials: 'same-origin' });
  if (!answer.ok) throw new Error(String(answer.status));
  for (const [name, figure] of Object.entries(await answer.json())) draw(name, figure);
} catch {
  setText(part('inflow-words', HTMLElement), t('The figures could not be fetched. Reload the page; look at the server’s log if that does not help.'));
}
