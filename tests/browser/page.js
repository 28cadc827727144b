// The page by its accessible names, as a person with a screen reader finds it.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertQuiet, until, visit } from './harness.js';

export const editor = (page) => page.getByRole('textbox', { name: 'YAML editor' });
export const url = (page) => page.getByRole('combobox', { name: 'URL' });
export const from = (page) => page.getByRole('combobox', { name: 'Send from' });
export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const region = (page, name) => page.getByRole('region', { name, exact: true });
export const stage = (page) => region(page, 'Stage');
export const timeline = (page) => region(page, 'Timeline');
export const inspector = (page) => region(page, 'Inspector');

/** Waits until the engine has answered and the words of a hop stand in the inspector. */
export async function moving(page) {
  await until(async () => /^Hop \d+ of \d+/.test(await place(page)), 'no request is shown', 15_000);
}

/**
 * Tests of a page whose first request is shown: `it(name, look, body)`, with the look of `visit` or none. Motion is reduced, and
 * nothing that must not happen may have happened when the body ends.
 */
export function played(site) {
  return (name, ...rest) => test(name, async () => {
    const [body, look] = rest.reverse();
    const { page, trouble, close } = await visit(site, { motion: 'reduce', ...look });
    await moving(page);
    await body(page);
    assertQuiet(trouble);
    await close();
  });
}

/** Where the player stands: `Hop 3 of 11`. */
export const place = (page) => inspector(page).getByRole('heading').first().innerText();

/** The number of the shown hop, and how many there are. */
export async function hop(page) {
  const [, at, of] = (await place(page)).match(/(\d+)\D+(\d+)/) ?? [];
  return { at: Number(at), of: Number(of) };
}

/** Stops the player, so that nothing moves while a test looks. */
export async function pause(page) {
  const running = button(page, 'Pause');
  if (await running.isVisible()) await running.click();
}

/** Goes to the last hop. */
export async function last(page) {
  await pause(page);
  const next = button(page, 'Next hop');
  // The last hop may be reached by itself between the look and the click.
  for (let steps = 0; steps < 60 && (await next.isEnabled()); steps++) await next.click({ timeout: 1000 }).catch(() => {});
}

/** How the shown request ended, in the words beside the timeline. */
export async function ending(page) {
  await last(page);
  return (await timeline(page).innerText()).replace(/\s+/g, ' ');
}

/** Puts the whole text into the editor as typing does. */
export async function write(page, text) {
  await editor(page).fill(text);
}

/** Puts a text into the editor by the clipboard, in the place of all that is there (`over`) or at the end. */
export async function paste(page, text, { over = false } = {}) {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.evaluate((text) => navigator.clipboard.writeText(text), text);
  await editor(page).focus();
  await page.keyboard.press(over ? 'Control+A' : 'Control+End');
  await page.keyboard.press('Control+V');
}

/** How many requests are counted, where the page shows it. */
const counted = async (page) => (await page.getByText(/^Requests so far/).allTextContents())[0];

/** Sends one request, and waits for its trace. */
export async function send(page, { to, who } = {}) {
  if (who !== undefined) {
    await from(page).fill(who);
    await page.getByRole('option').filter({ hasText: who }).first().click();
  }
  if (to !== undefined) {
    await url(page).fill(to);
    await url(page).press('Escape');
  }
  const seed = await seedOf(page), before = await counted(page);
  await button(page, 'Send').click();
  await until(async () => (await seedOf(page)) !== seed, 'Send draws the next seed');
  // An edit that is applied meanwhile begins the count anew: then it may come to the same number.
  if (before !== undefined) await until(async () => (await counted(page)) !== before, 'its trace is counted', 4000).catch(() => {});
  await moving(page);
}

/** The seed that the next Send draws. */
export async function seedOf(page) {
  const [, seed] = (await page.getByText(/^seed \d+$/).first().innerText()).match(/(\d+)/);
  return Number(seed);
}

/** The shown request's end must read so. */
export async function assertEnds(page, words) {
  const shown = await ending(page);
  assert.ok(shown.includes(words), `expected "${words}" in: ${shown}`);
}

/** Chooses a thing on the stage by its accessible name; the inspector then shows it. */
export async function choose(page, name) {
  await pause(page);
  await stage(page).getByRole('button', { name }).first().focus();
  await page.keyboard.press('Enter');
}

/** The names of the Pods of an app on the stage, sorted. */
export async function podsOf(page, app) {
  const titles = await stage(page).getByRole('button', { name: new RegExp(`^Pod ${app}-`) }).evaluateAll((all) => all.map((pod) => pod.querySelector('title').textContent));
  return titles.map((title) => title.match(/^Pod ([\w-]+)/)[1]).sort();
}

/** Changes one of the cluster's settings in its dialog: a box is ticked, a list's value chosen, a number filled in. */
export async function setting(page, name, value) {
  await button(page, 'Cluster settings').click();
  const field = page.getByRole('dialog').getByLabel(name, { exact: name === 'Nodes' });
  const kind = await field.evaluate((element) => (element.type === 'checkbox' ? 'box' : element.tagName));
  if (kind === 'box') await field.setChecked(value);
  else if (kind === 'SELECT') await field.selectOption(value);
  else { await field.fill(String(value)); await field.press('Tab'); }
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
}

/** The addresses that the URL field offers, those that will fail with their reason. */
export async function offers(page) {
  const list = await openOffers(page);
  const texts = await list.getByRole('option').evaluateAll((all) => all.map((option) => [...option.children].map((part) => part.textContent).join(' ¦ ')));
  await url(page).press('Escape');
  return texts;
}

/** Takes the first offered address that fits; the caller stays, if it can mean it. */
export async function take(page, fits) {
  const list = await openOffers(page);
  await list.getByRole('option').filter({ hasText: fits }).first().click();
}

async function openOffers(page) {
  await url(page).click();
  const list = page.getByRole('listbox', { name: 'URL' });
  await list.getByRole('option').first().waitFor();
  return list;
}
