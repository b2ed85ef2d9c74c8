// A zip archive without compression (APPNOTE.TXT of PKWARE, method 0): some small text files need no more.

const encoder = new TextEncoder();

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** CRC-32 as zip has it. @param {Uint8Array} bytes */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Date and time as MS-DOS counts them, years from 1980. @param {Date} at */
function dosTime(at) {
  const time = (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1);
  const date = ((at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
  return [time, date];
}

/** Little-endian numbers, each with its number of bytes. @param {[number, 2 | 4][]} fields */
function pack(fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

/**
 * The archive of these texts.
 * @param {Record<string, string>} files name to text
 * @param {Date} [at]
 * @returns {Blob}
 */
export function zip(files, at = new Date()) {
  const [time = 0, date = 0] = dosTime(at);
  const bodies = [];
  const directory = [];
  let offset = 0;
  for (const [file, text] of Object.entries(files)) {
    const name = encoder.encode(file);
    const content = encoder.encode(text);
    /** @type {[number, 2 | 4][]} */
    const shared = [[20, 2], [0x0800, 2], [0, 2], [time, 2], [date, 2], [crc32(content), 4], [content.length, 4], [content.length, 4], [name.length, 2], [0, 2]];
    const header = pack([[0x04034b50, 4], ...shared]);
    directory.push(pack([[0x02014b50, 4], [20, 2], ...shared, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]]), name);
    bodies.push(header, name, content);
    offset += header.length + name.length + content.length;
  }
  const count = bodies.length / 3;
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = pack([[0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [offset, 4], [0, 2]]);
  return new Blob([...bodies, ...directory, end], { type: 'application/zip' });
}
