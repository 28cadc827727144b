// Which functions does opening the page run? Opens a page whose functions mark that they ran (KUBEHOP_MARK_FUNCTIONS=1) and to which the
// rest of the code never comes, in several looks, and writes static/build/first-load.txt: the build keeps these in the wasm's first file.
// `make first-load`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DIST, late, open, visit } from '../browser/harness.js';
import { FIRST_LOAD, list } from '../../static/build/names.js';
import { parse } from '../../static/build/wasm.js';

// `slow` comes late: what arrives first takes another way through the page.
const LOOKS = [
  {}, { slow: 'words/' }, { slow: 'opening.bin' },
  { size: 'phone', locale: 'ko-KR', scheme: 'dark' }, { size: 'tablet', motion: 'reduce' }, { size: 'tablet', hash: '#embed=nodeport' },
];
const site = await open();
const ran = new Set();
for (const look of LOOKS) {
  const { page, context, close } = await visit(site, { path: 'boot.js', ...look, hash: undefined });
  await late(context, look.slow);
  await page.goto(site.host.url + (look.hash ?? ''));
  await page.locator(look.motion === 'reduce' ? '[aria-label="Stage"]' : '.traffic .dot').first().waitFor();
  // The whole trace travels, and whatever the page does by itself meanwhile is done.
  await page.waitForTimeout(12_000);
  for (const index of await page.evaluate(() => globalThis.kubehopRan())) ran.add(index);
  await close();
}
await site.close();
writeFileSync(FIRST_LOAD, list(parse(readFileSync(join(DIST, 'functions.wasm'))), ran));
console.log(`${ran.size} functions run when the page opens`);
