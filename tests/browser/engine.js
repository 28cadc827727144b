// The engine is expendable: killed or hung, it is replaced, and the page lives on.
import { test } from 'node:test';
import { assertQuiet, until, visit } from './harness.js';

/** Waits for a worker other than the given one. */
const another = (page, old) => until(() => page.workers().length === 1 && page.workers()[0] !== old && page.workers()[0], 'no new worker');

export function engine(site) {
  test('a killed engine is replaced', async () => {
    const { page, trouble, close } = await visit(site);
    const old = await another(page, undefined);
    await old.evaluate(() => { setTimeout(() => { throw new Error('killed by a test'); }); });
    await another(page, old);
    await page.getByText('The simulator stopped.').waitFor();
    assertQuiet(trouble.filter((line) => !line.includes('killed by a test')));
    await close();
  });
}
