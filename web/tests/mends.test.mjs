import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mended } from '../mends.mjs';

test('a text is mended where it stands once', () => {
  assert.equal(mended('role: "tab", id', [['"tab"', '"listitem"']], 'tabs.js'), 'role: "listitem", id');
});

test('a text that is gone or stands twice is refused, with its module', () => {
  assert.throws(() => mended('no role', [['"tab"', '']], 'tabs.js'), /tabs\.js has 0 times what is mended in it: "tab"/);
  assert.throws(() => mended('"tab" "tab"', [['"tab"', '']], 'tabs.js'), /has 2 times/);
});
