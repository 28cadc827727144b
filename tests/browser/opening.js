// The first moment: the page stands, quietly, under the strict policy and from a sub-path.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, until, visit } from './harness.js';

export function opening(site) {
  test('the page stands and its engine runs in a worker', async () => {
    const { page, trouble, close } = await visit(site);
    await until(() => page.workers().length === 1, 'no worker started');
    await until(async () => (await page.locator('body').innerText()).includes('kubehop'), 'the page is empty');
    assert.ok(page.workers()[0].url().startsWith(`${site.host.url}boot.js#`));
    assertQuiet(trouble);
    await close();
  });
}
