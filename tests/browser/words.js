// The page's two languages.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertQuiet, DIST, late, picture, until, visit } from './harness.js';
import { button, moving } from './page.js';

const IDS = ['en', 'en.engine'].flatMap((file) => Object.keys(JSON.parse(readFileSync(join(DIST, 'words', `${file}.json`), 'utf8'))));

/** A page, not yet opened, that collects in `window.idsSeen` what it ever shows of `ids`: texts, names and titles, frame by frame. */
async function watched(site, look) {
  const visited = await visit(site, { path: 'boot.js', motion: 'reduce', ...look });
  await visited.page.addInitScript((ids) => {
    const known = new Set(ids), seen = window.idsSeen = [];
    const look = () => {
      const texts = document.body ? [...document.body.querySelectorAll('*')].flatMap((element) => [
        ...[...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data), element.getAttribute('aria-label'), element.title]) : [];
      seen.push(...texts.filter((text) => typeof text === 'string' && known.has(text.trim()) && text.includes('.') && !seen.includes(text)));
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, IDS);
  return visited;
}
const seen = (page) => page.evaluate(() => window.idsSeen);
const korean = async (page) => /보내기/.test(await page.locator('body').innerText());
const notice = (page) => page.getByRole('alert').filter({ hasText: 'have not arrived' });

export function words(site) {
  test('Korean is one click away and complete: no message id shows', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    await button(page, '한국어').click();
    await until(async () => (await page.locator('html').getAttribute('lang')) === 'ko', 'the document says Korean');
    await until(async () => /[가-힣]/.test(await page.locator('main').innerText()), 'Korean words show');
    const ids = (await page.locator('body').innerText()).match(/\b(?:hop|outcome|composer|stage|timeline|inspector|editor|offer|advice|note)\.[a-z][\w.]+/gi);
    assert.equal(ids, null, `ids without words: ${ids}`);
    await picture(page, 'korean');
    assertQuiet(trouble);
    await close();
  });

  test('before the words of the chosen language are there nothing is said, and no message id is ever seen', async () => {
    const { page, context, trouble, close } = await watched(site, { size: 'phone', scheme: 'dark', locale: 'ko-KR' });
    await late(context, 'words/ko.json');
    await page.goto(`${site.host.url}#example=counter`);
    await page.waitForTimeout(1200);
    assert.equal((await page.locator('body').innerText()).trim(), '', 'only quiet blocks');
    assert.ok(await page.locator('.boot-stage').isVisible(), 'the layout stands');
    await picture(page, 'words-late');
    await until(() => korean(page), 'the page speaks Korean');
    await page.locator('.tlsvg .bead').first().waitFor({ timeout: 20_000 });
    assert.equal(await page.locator('.boot').count(), 0, 'the blocks are gone');
    assert.deepEqual(await seen(page), []);
    assertQuiet(trouble);
    await close();
  });

  test('a language that is long in coming leaves the page as it is until it has come, engine and all', async () => {
    const { page, context, trouble, close } = await watched(site);
    await page.goto(site.host.url);
    await moving(page);
    await late(context, 'words/ko');
    await button(page, '한국어').click();
    await button(page, 'Send').click();
    await page.waitForTimeout(800);
    assert.ok(await button(page, 'Send').isVisible(), 'still in English');
    await until(() => korean(page), 'the page speaks Korean');
    assert.deepEqual(await seen(page), []);
    assertQuiet(trouble);
    await close();
  });

  test('what the engine says waits for the words that come with it', async () => {
    const { page, context, close } = await watched(site);
    await late(context, '.engine.json');
    await page.goto(`${site.host.url}#example=no-endpoints`);
    await until(async () => /Refused/.test(await page.locator('body').innerText()), 'the request is shown', 20_000);
    assert.deepEqual(await seen(page), []);
    await close();
  });

  test('where words cannot be had the page says so, keeps asking, and goes on once they have come', async () => {
    const { page, context, close } = await watched(site, { locale: 'ko-KR' });
    let broken = true;
    await context.route('**/words/*.json', (route) => (broken ? route.abort() : route.continue()));
    await page.goto(site.host.url);
    await notice(page).waitFor();
    assert.match(await notice(page).innerText(), /Check the connection[^]*네트워크 연결을 확인/);
    await picture(page, 'words-missing');
    broken = false;
    await until(() => korean(page), 'the page speaks Korean');
    await notice(page).waitFor({ state: 'hidden' });

    broken = true;
    await page.getByRole('button', { name: 'EN', exact: true }).click();
    await notice(page).waitFor();
    assert.ok(await korean(page), 'the page stays readable');
    broken = false;
    await button(page, 'Send').waitFor();
    await notice(page).waitFor({ state: 'hidden' });
    assert.deepEqual(await seen(page), []);
    await close();
  });

  test('where only the chosen language is missing the page speaks English meanwhile', async () => {
    const { page, context, close } = await watched(site, { locale: 'ko-KR' });
    await context.route('**/words/ko*.json', (route) => route.abort());
    await page.goto(site.host.url);
    await moving(page);
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    await notice(page).waitFor();
    assert.deepEqual(await seen(page), []);
    await close();
  });

  test('language, colours and speed are remembered, whatever else was done', async () => {
    const { page, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    await page.getByRole('combobox', { name: 'Speed' }).selectOption('2');
    await page.getByRole('button', { name: /^Theme/ }).click();
    const theme = await page.locator('html').getAttribute('data-theme');
    await button(page, '한국어').click();
    await until(() => korean(page), 'the page speaks Korean');
    await page.reload();
    await until(() => korean(page), 'it still does');
    assert.equal(await page.locator('html').getAttribute('data-theme'), theme);
    assert.equal(await page.locator('select.speed').inputValue(), '2');
    await close();
  });
}
