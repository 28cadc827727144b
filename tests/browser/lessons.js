// Lessons: a start, a guess before the first run, goals that tick while the learner edits, the solution.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertAccessible, assertQuiet, late, picture, ROOT, until, visit } from './harness.js';
import { button, editor, moving, region, write } from './page.js';

const LESSONS = readdirSync(join(ROOT, 'lessons')).filter((name) => /^\d/.test(name)).sort();
const file = (id, name) => readFileSync(join(ROOT, 'lessons', id, `${name}.yaml`), 'utf8');
const goals = (page) => region(page, 'Lesson').getByText(/^\d+ of \d+ reached$/).first().innerText();

export function lessons(site) {
  for (const id of LESSONS) {
    test(`${id}: nothing is sent before the guess; the solution reaches every goal`, async () => {
      const { page, trouble, close } = await visit(site, { motion: 'reduce', hash: `#lesson=${id}` });
      const lesson = region(page, 'Lesson');
      await lesson.waitFor();
      await until(async () => (await editor(page).inputValue()) === file(id, 'start'), 'the start stands in the editor');
      const count = (file(id, 'lesson').match(/^ {2}- text: /gm) ?? []).length;
      await until(async () => /^\d of /.test(await goals(page)), 'the goals are judged');
      const [, all] = (await goals(page)).match(/of (\d+)/);
      assert.ok(count >= Number(all) && Number(all) > 0);
      assert.equal(await goals(page), `0 of ${all} reached`, 'no goal gives the guess away');

      assert.ok(await button(page, 'Send').isDisabled(), 'Send waits for a guess');
      await page.keyboard.press('Control+Enter');
      await page.waitForTimeout(300);
      assert.equal(await region(page, 'Inspector').count(), 0, 'nothing was sent');
      await picture(page, `lesson ${id} start`.replaceAll(' ', '-'));

      await lesson.getByRole('radio').first().check({ force: true });
      await button(page, 'Send with this guess').click();
      await moving(page);
      await lesson.getByText(/^(That is what happened|It went otherwise)\./).waitFor();

      await write(page, file(id, 'solution'));
      await until(async () => (await goals(page)) === `${all} of ${all} reached`, 'every goal ticks while the text changes');
      await lesson.getByText('All goals reached').waitFor();
      // What came of the start is no longer what the text does; it stays told.
      assert.match(await lesson.locator('.predict [role=status]').innerText(), /\. (The name is not found|The connection is refused|A shop Pod answers), because [^.]*\.$/);
      await assertAccessible(page, id);
      await picture(page, `lesson ${id} solved`.replaceAll(' ', '-'));
      await write(page, file(id, 'start'));
      await until(async () => (await goals(page)) !== `${all} of ${all} reached`, 'and unticks');
      assertQuiet(trouble);
      await close();
    });
  }

  test('the playground waits as it was left', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    const text = `${await editor(page).inputValue()}# mine\n`;
    await write(page, text);
    await page.getByRole('link', { name: 'Lessons' }).click();
    await page.getByRole('button', { name: /Why Services/ }).click();
    await until(async () => (await editor(page).inputValue()) === file(LESSONS[0], 'start'), 'the lesson starts');
    await page.getByRole('link', { name: 'Playground' }).click();
    await until(async () => (await editor(page).inputValue()) === text, 'the own text is back');
    // The browser's Back leaves a lesson for the list, and the list for the playground.
    await page.getByRole('link', { name: 'Lessons' }).click();
    await until(() => page.url().endsWith('#lessons'), 'the list stands in the address');
    await page.getByRole('button', { name: /Why Services/ }).click();
    await until(() => page.url().includes('#lesson='), 'the lesson stands in the address');
    await page.goBack();
    await page.getByRole('button', { name: /Why Services/ }).waitFor();
    await page.goBack();
    await until(async () => (await editor(page).inputValue()) === text, 'the own text is back, again');
    assertQuiet(trouble);
    await close();
  });

  test('a reload brings back what was typed and guessed; the lesson begins again only when asked to', async () => {
    const [id] = LESSONS;
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    const own = `${await editor(page).inputValue()}# mine\n`;
    await write(page, own);
    await page.waitForTimeout(600);
    await page.getByRole('link', { name: 'Lessons' }).click();
    await page.getByRole('button', { name: /Why Services/ }).click();
    const lesson = region(page, 'Lesson');
    await lesson.getByRole('radio').nth(1).check({ force: true });
    await page.waitForTimeout(600);
    await page.reload();
    await lesson.waitFor();
    assert.ok(await lesson.getByRole('radio').nth(1).isChecked(), 'the guess stands, not yet sent');
    assert.ok(await button(page, 'Send').isDisabled());

    await button(page, 'Send with this guess').click();
    await moving(page);
    await page.getByRole('button', { name: 'Show this hint' }).click();
    const text = `${await editor(page).inputValue()}# typed in the lesson\n`;
    await write(page, text);
    // At once: nothing has been written down yet.
    await page.reload();
    await until(async () => (await editor(page).inputValue()) === text, 'the text is back');
    await moving(page);
    await lesson.getByText(/^(That is what happened|It went otherwise)\./).waitFor();
    assert.ok(await lesson.getByRole('radio').nth(1).isChecked());
    assert.equal(await lesson.locator('.hints li.open').count(), 1);
    assert.match(page.url(), new RegExp(`#lesson=${id}$`));

    await button(page, 'Begin again').click();
    await until(async () => (await editor(page).inputValue()) === file(id, 'start'), 'the start stands in the editor');
    assert.equal(await lesson.getByRole('radio', { checked: true }).count(), 0);
    await write(page, text);
    await page.getByRole('link', { name: 'Playground' }).click();
    await until(async () => (await editor(page).inputValue()) === own, 'the own text is back after the reloads');
    await page.getByRole('link', { name: 'Lessons' }).click();
    await page.getByRole('button', { name: /Why Services/ }).click();
    await until(async () => (await editor(page).inputValue()) === text, 'the lesson goes on where it was left');
    assertQuiet(trouble);
    await close();
  });

  test('while a lesson is on its way, its address stands: a reload then still opens it', async () => {
    const id = LESSONS[1];
    const { page, context, close } = await visit(site, { motion: 'reduce', path: 'boot.js' });
    await late(context, `lessons/${id}/`);
    const seen = [];
    page.on('framenavigated', () => seen.push(page.url().split('/').pop()));
    await page.goto(`${site.host.url}#lesson=${id}`);
    await region(page, 'Lesson').waitFor({ timeout: 20_000 });
    await page.waitForTimeout(600);
    assert.deepEqual([...new Set(seen)], [`#lesson=${id}`]);
    await close();
  });

  test('hints open one after another', async () => {
    const { page, close } = await visit(site, { motion: 'reduce', hash: `#lesson=${LESSONS[0]}` });
    const hint = page.getByRole('button', { name: 'Show this hint' });
    await hint.waitFor();
    const count = await region(page, 'Lesson').locator('.hints li').count();
    for (let open = 1; open <= count; open++) {
      await hint.click();
      await until(async () => (await region(page, 'Lesson').locator('.hints li.open').count()) === open, `hint ${open} is open`);
    }
    assert.equal(await hint.count(), 0);
    await close();
  });
}
