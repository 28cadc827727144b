// What people really paste: tutorials' files one after another, with fences, tabs and curly quotes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, until } from './harness.js';
import { assertEnds, editor, paste, played, podsOf, send, stage, url, write } from './page.js';

const fixture = (name) => readFileSync(join(ROOT, 'tests/fixtures/notes', name), 'utf8');
const settled = (page) => page.waitForTimeout(500);

export function pasting(site) {
  const it = played(site);

  it('counter, redis and a node port, pasted one after another, answer through a call inside', async (page) => {
    await paste(page, fixture('counter-redis-svc.yml'), { over: true });
    await settled(page);
    await paste(page, fixture('counter-app.yml'));
    await settled(page);
    await paste(page, fixture('counter-nodeport.yml'));
    await settled(page);
    await until(async () => /counter[^]*redis|redis[^]*counter/.test(await stage(page).textContent()), 'both are on the stage');
    await send(page, { to: 'http://node-1:31000/' });
    await assertEnds(page, '200 OK');
  });

  for (const name of ['my-nodeport.yaml', 'my-service-clusterip.yaml']) {
    it(`${name} has no workload: refused, and the missing objects are one click away`, async (page) => {
      await paste(page, fixture(name), { over: true });
      const add = page.getByRole('button', { name: /^Add Deployment my-app/ });
      await add.waitFor();
      await url(page).fill('');
      await page.getByRole('option', { name: /no Pod in namespace default has them/ }).first().click();
      await send(page);
      await assertEnds(page, 'Connection refused');
      await add.click();
      await page.getByText('matches no Pod').waitFor({ state: 'detached' });
      await send(page);
      await assertEnds(page, '200 OK');
    });
  }

  it('a fenced paste with tabs and curly quotes is mended, and undo brings the raw one back', async (page) => {
    const raw = 'The Service:\n```yaml\napiVersion: v1\nkind: Service\nmetadata:\n\tname: “late”\nspec:\n\tports:\n\t- port: 80\n```\n';
    await paste(page, raw, { over: true });
    await until(async () => !(await editor(page).inputValue()).includes('```'), 'the fence is taken away');
    assert.doesNotMatch(await editor(page).inputValue(), /[\t“”]/);
    await editor(page).focus();
    await page.keyboard.press('Control+Z');
    assert.equal(await editor(page).inputValue(), raw);
  });

  it('undo and redo walk from the mended paste to the raw one and to the text before, and leave nothing empty', async (page) => {
    const before = await editor(page).inputValue();
    const raw = 'Here is how:\n\n```yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: late\nspec:\n  ports:\n  - port: 80\n```\nDone!';
    await paste(page, raw, { over: true });
    await until(async () => !(await editor(page).inputValue()).includes('```'), 'the fence is taken away');
    const mended = await editor(page).inputValue();
    await editor(page).focus();
    const seen = [];
    for (const key of ['Control+Z', 'Control+Z', 'Control+Z', 'Control+Y', 'Control+Shift+Z', 'Control+Y']) {
      await page.keyboard.press(key);
      seen.push(await editor(page).inputValue());
    }
    assert.deepEqual(seen, [raw, before, before, raw, mended, mended]);
    await page.getByText('1 object', { exact: true }).waitFor({ state: 'attached' });
    await page.keyboard.press('Control+End');
    await page.keyboard.type('# one two');
    await page.keyboard.press('Control+Z');
    assert.ok((await editor(page).inputValue()).endsWith('# one '));
    // As the browser's menu does it.
    await page.evaluate(() => document.execCommand('undo'));
    assert.doesNotMatch(await editor(page).inputValue(), /two|^$/);
  });

  it('a misspelt field is named as Kubernetes names it, and the good documents still run', async (page) => {
    const text = await editor(page).inputValue();
    await write(page, `${text}---\napiVersion: v1\nkind: Service\nmetadata:\n  name: second\nspec:\n  prots: []\n`);
    await page.getByText('unknown field "spec.prots"').first().waitFor();
    await send(page);
    await assertEnds(page, '200 OK');
  });

  it('what was mended is told, and that undo brings the raw paste back', async (page) => {
    await paste(page, `\`\`\`yaml\n${fixture('my-nodeport.yaml')}\`\`\`\n`, { over: true });
    await page.getByText('Undo brings the raw paste back').waitFor();
    await settled(page);
    assert.match(await page.locator('.pasted').innerText(), /fence/i);
    await page.locator('.pasted').getByRole('button', { name: 'Close' }).click();
    await page.locator('.pasted').waitFor({ state: 'detached' });
  });

  it('nonsense in the place of all text deletes nothing, and undo brings the text back', async (page) => {
    const before = await editor(page).inputValue();
    const nonsense = [
      ['hello: world\n', 'Every object begins with apiVersion and kind'],
      ['version: "3"\nservices:\n  web:\n    image: nginx\n', 'This is a Docker Compose file'],
      ['<!doctype html>\n<html></html>\n', 'This is the source of a web page'],
    ];
    for (const [text, told] of nonsense) {
      await paste(page, text, { over: true });
      await page.getByText('Last good state kept').waitFor({ state: 'attached' });
      await page.getByText(told).first().waitFor();
      assert.equal((await podsOf(page, 'web')).length, 3);
      await editor(page).focus();
      await page.keyboard.press('Control+Z');
      await until(async () => (await editor(page).inputValue()) === before, 'the text is back');
    }
    await send(page);
    await assertEnds(page, '200 OK');
  });

  const services = (count) => Array.from({ length: count }, (_, at) => `apiVersion: v1\nkind: Service\nmetadata: {name: s${at}}\nspec: {ports: [{port: 80}]}\n`).join('---\n');

  it('a long paste is mended without a wait, and undone', async (page) => {
    const raw = `Here it is:\n\`\`\`yaml\n${services(150)}\`\`\`\n`;
    await paste(page, raw, { over: true });
    await page.getByText('150 objects').waitFor({ state: 'attached' });
    await editor(page).focus();
    await page.keyboard.press('Control+Z');
    assert.equal(await editor(page).inputValue(), raw);
  });

  it('of a long text only the lines in sight are coloured, each in its place; the others follow as it scrolls', async (page) => {
    const text = services(400), lines = text.split('\n').length;
    await paste(page, text, { over: true });
    await page.getByText('400 objects').waitFor({ state: 'attached' });
    const line = (number) => page.locator(`#lines-0 [data-n="${number}"]`);
    const place = (number) => line(number).evaluate((row) => {
      const { top, height } = row.getBoundingClientRect();
      return Math.round((top - document.getElementById('lines-0').getBoundingClientRect().top) / height) + 1;
    });
    await page.locator('.ed:visible').evaluate((frame) => { frame.scrollTop = frame.scrollHeight; });
    await line(lines).waitFor();
    assert.equal(await line(1).count(), 0);
    assert.ok(await page.locator('#lines-0 .ln').count() < 500);
    assert.equal(await place(lines), lines);
    await page.locator('.ed:visible').evaluate((frame) => { frame.scrollTop = frame.scrollHeight / 2; });
    await line(lines >> 1).waitFor();
    assert.equal(await place(lines >> 1), lines >> 1);
    await page.locator('.ed:visible').evaluate((frame) => { frame.scrollTop = 0; });
    await line(1).waitFor();
  });

  it('a line of a long text that is out of sight is gone to', async (page) => {
    const text = `${services(400)}---\napiVersion: v1\nkind: Service\nmetadata: {name: last}\nspec: {ports: [{port: 80, prot: TCP}]}\n`;
    await paste(page, text, { over: true });
    const row = page.locator(`#lines-0 [data-n="${text.split('\n').length - 1}"]`);
    // The caret stands at the text's end, and so does what is in sight.
    await page.locator('.ed:visible').evaluate((frame) => { frame.scrollTop = 0; });
    await row.waitFor({ state: 'detached' });
    await page.locator('.diag.err').getByRole('button', { name: /^Line / }).first().click();
    await row.waitFor();
    assert.ok(await row.evaluate((line) => { const frame = line.closest('.ed').getBoundingClientRect(), { top } = line.getBoundingClientRect(); return top > frame.top && top < frame.bottom; }));
  });

  it('more than 2,000 objects are refused with the limit\'s name; the page lives', async (page) => {
    await paste(page, services(2001), { over: true });
    await page.getByText(/2,?000/).first().waitFor();
    await page.getByText('Last good state kept').waitFor({ state: 'attached' });
    // What the page itself does with such a text is bounded: it colours the lines in sight.
    assert.ok(await page.locator('#lines-0 .ln').count() < 500, 'lines out of sight are drawn');
    await send(page, { to: 'http://node-2:30080/' });
    await assertEnds(page, '200 OK');
  });
}
