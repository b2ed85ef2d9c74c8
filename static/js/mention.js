// @mentions: found in a text, completed while typing. On the wire a mention is @ and the bare JID. Pure.

/** @typedef {{text: string, jid: string}} Segment jid is empty for plain words */
/** @typedef {{jid: string, name: string}} Candidate */

const JID = /@([^\s@/"'&:<>]+@[^\s@/,;:!?]*[\p{L}\p{N}])/gu;

/** A text cut at its mentions; only known JIDs count. @param {string} text @param {(jid: string) => boolean} known @returns {Segment[]} */
export function segments(text, known) {
  /** @type {Segment[]} */
  const found = [];
  let from = 0;
  for (const match of text.matchAll(JID)) {
    const jid = match[1].toLowerCase();
    if (!known(jid)) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index), jid: '' });
    found.push({ text: match[0], jid });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ text: text.slice(from), jid: '' });
  return found;
}

/** What is being mentioned at the caret: where the @ stands and what follows it; null when nothing is. @param {string} text @param {number} caret */
export function asked(text, caret) {
  const match = /(?:^|\s)@([^\s@]*)$/u.exec(text.slice(0, caret));
  return match ? { from: caret - match[1].length - 1, part: match[1] } : null;
}

/** Those whose name or address begins with the part, best first. @param {Candidate[]} candidates @param {string} part @param {number} [most] */
export function matching(candidates, part, most = 6) {
  const wanted = part.toLowerCase();
  const rank = (/** @type {Candidate} */ { jid, name }) => {
    if (name.toLowerCase().startsWith(wanted)) return 0;
    if (jid.startsWith(wanted)) return 1;
    return name.toLowerCase().split(/\s+/).some((word) => word.startsWith(wanted)) ? 2 : 9;
  };
  return candidates
    .map((candidate) => ({ candidate, rank: rank(candidate) }))
    .filter(({ rank: place }) => place < 9)
    .sort((a, b) => a.rank - b.rank || a.candidate.name.localeCompare(b.candidate.name))
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** The text with the completed word in place, and where the caret goes. @param {string} text @param {number} caret @param {{from: number}} at @param {string} word */
export function completed(text, caret, at, word) {
  const head = `${text.slice(0, at.from)}${word} `;
  return { text: head + text.slice(caret).replace(/^ /, ''), caret: head.length };
}
