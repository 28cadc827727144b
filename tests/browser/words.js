// The page's two languages.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, picture, until, visit } from './harness.js';
import { button, moving } from './page.js';

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
}
