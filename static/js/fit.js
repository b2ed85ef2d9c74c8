// How a wall's cameras stand in rows: as large as all of them fit on the screen, and no row with a hole in it. Pure.

/** @typedef {{tiles: number, lies: boolean}} Row lies: its words stand beside the picture */
/** @typedef {{rows: Row[], share: number, abreast: number}} Stand of one place: its part of the width beside others, and how many stand in that line */
/** @typedef {{width: number, height: number, gap: number, head: number, foot: number}} Screen px; head: of a place, foot: below a picture */

/** A smaller picture is hard to watch. */
const NARROW = 224;
/** Words need so much beside a picture. */
const BESIDE = 144;
const RATIO = 9 / 16;

/**
 * Where each place's cameras stand, and the width of a picture in a full row.
 * @param {number[]} counts cameras of each place @param {Screen} screen @param {number} [wished] columns that the person chose @returns {{stands: Stand[], picture: number}}
 */
export function fit(counts, screen, wished) {
  if (wished) return laid(counts, screen, wished, false);
  const most = Math.max(1, Math.floor((screen.width + screen.gap) / (NARROW + screen.gap)));
  for (let columns = 1; columns <= most; columns++) {
    for (const even of [true, false]) {
      const tried = laid(counts, screen, columns, even);
      if (tried.height <= screen.height) return tried;
    }
  }
  return laid(counts, screen, most, false);
}

/** @param {number[]} counts @param {Screen} screen @param {number} columns @param {boolean} even rows as long as each other, the shorter ones first and larger */
function laid(counts, screen, columns, even) {
  const { width, gap, head, foot } = screen;
  const picture = wide(width, gap, columns);
  const lines = neighbours(counts, columns);
  let height = (lines.length - 1) * gap;
  /** @type {Stand[]} */
  const stands = [];
  for (const line of lines) {
    const all = line.reduce((sum, count) => sum + count, 0);
    const rows = lengths(all, columns, even).map((tiles) => ({ tiles, lies: tiles * 2 <= columns || (!even && tiles < columns && wide(width, gap, tiles) - picture >= BESIDE) }));
    height += head + (rows.length - 1) * gap + rows.reduce((sum, { tiles, lies }) => sum + (lies ? picture * RATIO : wide(width, gap, tiles) * RATIO + foot), 0);
    // Several in a line have one row in common: each has its part of it.
    for (const count of line) stands.push({ rows: line.length > 1 ? [{ tiles: count, lies: rows[0].lies }] : rows, share: count / all, abreast: line.length });
  }
  return { stands, picture, height };
}

/** @param {number} width @param {number} gap @param {number} tiles in a row */
function wide(width, gap, tiles) {
  return (width - (tiles - 1) * gap) / tiles;
}

/** Small places that follow each other stand in one line, as far as they fill no more than a row. @param {number[]} counts @param {number} columns @returns {number[][]} */
function neighbours(counts, columns) {
  /** @type {number[][]} */
  const lines = [];
  let filled = Infinity;
  for (const count of counts) {
    filled += count;
    if (filled <= columns) lines[lines.length - 1].push(count);
    else {
      lines.push([count]);
      filled = count;
    }
  }
  return lines;
}

/** How many tiles each row has. @param {number} count @param {number} columns @param {boolean} even @returns {number[]} */
function lengths(count, columns, even) {
  const rows = Math.ceil(count / columns);
  if (!even) return Array.from({ length: rows }, (_, n) => Math.min(columns, count - n * columns));
  const short = Math.floor(count / rows);
  return Array.from({ length: rows }, (_, n) => short + Number(n >= rows - (count % rows)));
}
