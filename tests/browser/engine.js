// The engine is expendable: killed or hung, it is replaced, and the page lives on with its text and its cluster.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, until, visit } from './harness.js';
import { assertEnds, editor, hop, moving, send } from './page.js';

/** Waits until the engine itself answers: the page opens on a recording. */
const working = async (page) => { await another(page, undefined); await send(page); await assertEnds(page, '200 OK'); };

/** Waits for a worker other than the given one. */
const another = (page, old) => until(() => page.workers().length === 1 && page.workers()[0] !== old && page.workers()[0], 'no new worker');

export function engine(site) {
  test('a killed engine is replaced and costs nothing but a notice', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    await working(page);
    const text = await editor(page).inputValue();
    const old = await another(page, undefined);
    await old.evaluate(() => { setTimeout(() => { throw new Error('killed by a test'); }); });
    await page.getByRole('alert').waitFor();
    await another(page, old);
    assert.equal(await editor(page).inputValue(), text);
    await send(page);
    await assertEnds(page, '200 OK');
    assertQuiet(trouble.filter((line) => !line.includes('killed by a test')));
    await close();
  });

  test('a call that hangs is given up after two seconds', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    await working(page);
    const old = await another(page, undefined);
    await old.evaluate(() => { setTimeout(() => { for (;;); }); });
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    const began = Date.now();
    await page.getByRole('alert').waitFor();
    assert.ok(Date.now() - began < 4000, `${Date.now() - began} ms`);
    await another(page, old);
    await send(page);
    await assertEnds(page, '200 OK');
    assertQuiet(trouble);
    await close();
  });

  test('what the notice says is in the page\'s language; only the words for a report are as they came', async () => {
    const { page, close } = await visit(site, { motion: 'reduce', locale: 'ko-KR' });
    await page.locator('.tlsvg [role=button]').first().waitFor();
    const old = await another(page, undefined);
    // The page opens on a recording; the second request is the engine's own.
    await page.getByRole('button', { name: '보내기', exact: true }).click();
    await page.getByText(/^지금까지 요청 2번/).waitFor();
    await old.evaluate(() => { setTimeout(() => { throw new Error('killed by a test'); }); });
    const notice = page.getByRole('alert');
    await notice.waitFor();
    assert.match(await notice.locator('code[lang=en]').innerText(), /killed by a test/);
    const words = await notice.evaluate((notice) => { const copy = notice.cloneNode(true); copy.querySelector('code').remove(); return copy.textContent; });
    assert.deepEqual(words.match(/[A-Za-z]+/g), ['YAML'], words);
    await close();
  });

  test('a first call that takes more than two seconds is made once more, without a notice, and traffic moves', async () => {
    // The first worker never hears what it is asked, as one that is still busy with it; the next ones work.
    const before = () => {
      const Hired = window.Worker;
      window.hired = 0;
      window.Worker = class extends Hired {
        constructor(...names) {
          super(...names);
          window.hired += 1;
          if (window.hired === 1) this.postMessage = () => {};
        }
      };
    };
    const { page, trouble, close } = await visit(site, { hash: '#example=ingress', before });
    await until(() => page.evaluate(() => window.hired === 2), 'another worker takes its place', 30_000);
    await moving(page);
    const { at } = await hop(page);
    await until(async () => (await hop(page)).at !== at, 'the packet goes on by itself');
    assert.equal(await page.getByRole('alert').count(), 0);
    await send(page);
    await assertEnds(page, '200 OK');
    assertQuiet(trouble);
    await close();
  });
}
