// The small player in somebody else's page.
import { test } from 'node:test';
import { assertAccessible, assertQuiet, picture, until, visit } from './harness.js';

export function embed(site) {
  test('#embed=nodeport is a small player: stage, timeline, send, nothing else', async () => {
    const { page, trouble, close } = await visit(site, { hash: '#embed=nodeport', motion: 'reduce' });
    await page.getByRole('region', { name: 'Timeline' }).waitFor();
    await page.getByRole('button', { name: 'Send', exact: true }).waitFor();
    await until(async () => (await page.getByRole('textbox', { name: 'YAML editor' }).count()) === 0, 'there is no editor');
    await until(async () => (await page.locator('main').innerText()).includes('1'), 'a hop is told');
    await assertAccessible(page, 'embed');
    await picture(page, 'embed');
    assertQuiet(trouble);
    await close();
  });

  test('it plays in an iframe', async () => {
    const { page, close } = await visit(site, { path: 'course.html' });
    const player = page.frameLocator('iframe');
    await player.getByRole('region', { name: 'Timeline' }).waitFor();
    await player.getByRole('button', { name: 'Send', exact: true }).click();
    await picture(page, 'embed-in-a-page');
    await close();
  });
}

/** The course's page, under a policy of its own. */
export const COURSE = {
  type: 'text/html; charset=utf-8',
  policy: "default-src 'self'",
  body: '<!doctype html><html lang="en"><title>A course</title><h1>A course</h1><iframe title="kubehop" width="760" height="480" src="./#embed=nodeport"></iframe>',
};
