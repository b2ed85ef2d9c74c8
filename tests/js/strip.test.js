import assert from 'node:assert/strict';
import test from 'node:test';

import { storedShare } from '../../static/js/strip.js';
import { HOUR, SECOND } from '../../static/js/time.js';

const DAY = { stored: 24 * HOUR, on_camera: 0, off: 0, lost: 0, unknown: 0 };

test('all that was to be recorded is stored', () => assert.equal(storedShare({ ...DAY, off: HOUR, unknown: HOUR }), '100 %'));

test('a second that is lost is never rounded away', () => assert.equal(storedShare({ ...DAY, lost: SECOND }), '99.9 %'));

test('what waits on the camera is not stored yet', () => assert.equal(storedShare({ ...DAY, on_camera: 8 * HOUR }), '75 %'));

test('where nothing was to be recorded nothing is claimed', () => assert.equal(storedShare({ ...DAY, stored: 0 }), '0 %'));
