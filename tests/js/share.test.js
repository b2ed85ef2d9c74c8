import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.location = /** @type {any} */ ({ href: 'https://cam.example/cameras/door@studio.loc/?at=2026-11-01T00:00:00.000Z&with=till@studio.loc#top' });
const { linkTo } = await import('../../static/js/share.js');
const NOON = Date.parse('2026-11-24T12:00:00Z');

test('a link names the instant on the screen and the cameras beside', () => {
  const { pathname, searchParams, hash } = new URL(linkTo({ at: NOON }));
  assert.equal(pathname, '/cameras/door@studio.loc/');
  assert.equal(searchParams.get('at'), '2026-11-24T12:00:00.000Z');
  assert.equal(searchParams.get('with'), 'till@studio.loc');
  assert.equal(hash, '');
});

test('a link to a range names its end, one to the live picture no instant', () => {
  assert.equal(new URL(linkTo({ at: NOON, until: NOON + 60_000 })).searchParams.get('until'), '2026-11-24T12:01:00.000Z');
  assert.equal(new URL(linkTo({ at: NaN })).searchParams.has('at'), false);
});
