// Small places: the hops as cards on a phone, and the player's still picture before it runs.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertAccessible, assertQuiet, picture, until, visit } from './harness.js';
import { assertEnds, button, choose, editor, hop, inspector, last, moving, paste, played, region, send, stage, url, write } from './page.js';

export function phone(site) {
  test('on a phone the hops are cards: a swipe goes to the next one, and the player brings its own', async () => {
    const { page, trouble, close } = await visit(site, { size: 'phone', motion: 'reduce' });
    await moving(page);
    const cards = page.locator('.hopcards');
    await cards.waitFor();
    const { of } = await hop(page);
    assert.equal(await cards.locator('.hopcard').count(), of);
    const middle = () => cards.evaluate((frame) => {
      const centre = frame.getBoundingClientRect().x + frame.clientWidth / 2;
      return [...frame.children].findIndex((card) => { const box = card.getBoundingClientRect(); return box.left <= centre && centre <= box.right; }) + 1;
    });
    await button(page, 'Next hop').click();
    await until(async () => (await hop(page)).at === 2 && (await middle()) === 2, 'the card follows the player');
    const box = await cards.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + 40);
    await page.mouse.wheel(box.width - 40, 0);
    await until(async () => (await hop(page)).at === 3 && (await middle()) === 3, 'the player follows the cards');
    const edges = await cards.evaluate((frame) => [...frame.children].slice(1, 4).map((card) => card.getBoundingClientRect()).map(({ left, right }) => [left, right]));
    assert.ok(edges[0][1] > 0 && edges[2][0] < 390, 'a neighbour shows on both sides');
    await assertAccessible(page, 'hop cards');
    await picture(page, 'hop-cards');
    assertQuiet(trouble);
    await close();
  });

  for (const [example, locale] of [['nodeport', 'en-US'], ['counter', 'en-US'], ['ingress', 'ko-KR']]) {
    test(`on a phone each hop's first sentence is read without scrolling: ${example}, ${locale}`, async () => {
      const { page, trouble, close } = await visit(site, { size: 'phone', motion: 'reduce', locale, hash: `#example=${example}` });
      await page.locator('.hopcard').first().waitFor();
      const [first, , , next] = await page.locator('.tlhead .btn.icon').all();
      if (await first.isEnabled()) await first.click();
      for (let hops = 0; hops < 40; hops++) {
        await page.waitForTimeout(50);
        const [below, sentence] = await belowFold(page);
        assert.ok(below <= 0, `hop ${hops + 1} goes ${below} px below: ${sentence}`);
        if (!(await next.isEnabled())) break;
        await next.click();
      }
      assertQuiet(trouble);
      await close();
    });
  }

  played(site)('on a phone a hundred and Replay stand beside the player\'s buttons', { size: 'phone' }, async (page) => {
    const middle = async (name) => { const box = await button(page, name).boundingBox(); return Math.round(box.y + box.height / 2); };
    const row = await middle('Next hop');
    assert.deepEqual([await middle('Send 100'), await middle('Replay')], [row, row]);
    await button(page, 'Send 100').click();
    await page.getByText('Last 100 requests').first().waitFor({ state: 'attached' });
  });

  played(site)('on the narrowest phone the speed stands in the player\'s row', { size: 'phone' }, async (page) => {
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await row(page, '.tl .speed'), await row(page, '.tl .btn.line:not(.icon)'));
  });

  played(site)('on a phone Pods that wait for a node are seen without scrolling the stage', { size: 'phone' }, async (page) => {
    await button(page, 'YAML').click();
    await write(page, (await editor(page).inputValue()).replace('name: web', 'name: db').replace('containers:', 'nodeSelector: {disk: ssd}\n      containers:'));
    await button(page, 'Stage').click();
    await until(async () => (await page.locator('.stage .waiting').count()) === 1 && (await page.locator('.tlflow').count()) === 0, 'they wait', 20_000);
    const [all, seen] = await page.locator('.stageview').evaluate((view) => [view.scrollHeight, view.clientHeight]);
    assert.ok(all <= seen, `${all} px in ${seen}`);
    await picture(page, 'phone-waiting');
  });
}

/** A thing by its class: the middle of its row. */
const row = async (page, part) => { const box = await page.locator(part).boundingBox(); return Math.round(box.y + box.height / 2); };

/** How far the first sentence of the shown hop's card goes below the bar at the bottom, and what it says. */
const belowFold = (page) => page.evaluate(() => {
  const words = document.querySelector('.hopcard:not([inert]) .lead p'), range = document.createRange();
  range.selectNodeContents(words);
  for (const walker = document.createTreeWalker(words, NodeFilter.SHOW_TEXT); walker.nextNode();) {
    const end = /[.?!](\s|$)/.exec(walker.currentNode.data);
    if (end) { range.setEnd(walker.currentNode, end.index + 1); break; }
  }
  return [range.getBoundingClientRect().bottom - document.querySelector('.tb').getBoundingClientRect().top, range.toString()];
});

/** Whether all of it can be seen between the bars of a phone. */
const inSight = (page, part) => part.evaluate((part) => {
  const box = part.getBoundingClientRect(), bars = document.querySelector('.tb').getBoundingClientRect();
  return box.top >= document.querySelector('.top').getBoundingClientRect().bottom - 1 && box.bottom <= bars.top + 1;
});

export function chosen(site) {
  for (const [what, act] of [['Node node-2', 'Pull the plug'], ['Pod web-', 'Delete Pod'], ['Service web', 'Send from here']]) {
    test(`on a phone the card of a chosen thing comes into sight: ${what}`, async () => {
      const { page, trouble, close } = await visit(site, { size: 'phone', motion: 'reduce' });
      await moving(page);
      const thing = stage(page).getByRole('button', { name: new RegExp(`^${what}`) }).first();
      await thing.focus();
      await page.keyboard.press('Enter');
      const card = region(page, 'Inspector');
      const title = card.getByRole('heading', { level: 3 }).first();
      await until(() => inSight(page, title), 'its name is in sight');
      if (act !== 'Send from here') await until(() => inSight(page, button(page, act)), 'what can be done to it as well');
      await picture(page, `phone-chosen-${what.split(' ')[0]}`);
      assertQuiet(trouble);
      await close();
    });
  }

  test('on a phone what was done stands beside the views, and the waits in one line', async () => {
    const { page, trouble, close } = await visit(site, { size: 'phone', motion: 'reduce' });
    await moving(page);
    await choose(page, /^Node node-2/);
    await button(page, 'Pull the plug').click();
    await button(page, 'wait 5 min').waitFor();
    const middle = async (name) => { const box = await page.getByRole('button', { name }).first().boundingBox(); return Math.round(box.y + box.height / 2); };
    assert.equal(await middle('Take it back'), await middle('Objects'));
    assert.equal(await middle(/^History/), await middle('Objects'));
    assert.equal(await middle('wait 10 s'), await middle('wait 5 min'));
    const { width } = page.viewportSize();
    assert.ok(await page.evaluate((width) => document.documentElement.scrollWidth <= width, width), 'nothing hangs over');
    await assertAccessible(page, 'stage bar');
    await picture(page, 'phone-clock');
    assertQuiet(trouble);
    await close();
  });

  test('on a phone the editor stands at its top, however far the stage was scrolled, and scrolls by itself', async () => {
    const { page, close } = await visit(site, { size: 'phone', motion: 'reduce', hash: '#example=counter' });
    await moving(page);
    const work = page.locator('.work');
    await work.evaluate((work) => work.scrollTo(0, 400));
    await button(page, 'YAML').click();
    await editor(page).focus();
    await page.keyboard.press('Control+End');
    await page.waitForTimeout(300);
    assert.equal(await work.evaluate((work) => work.scrollTop), 0, 'all of the panel is in sight');
    await close();
  });

  test('where there is no keyboard, no key is said to undo a fix', async () => {
    for (const [size, key] of [['phone', false], ['desktop', true]]) {
      const { page, close } = await visit(site, { size, motion: 'reduce', hash: '#example=wrong-port' });
      await moving(page);
      await last(page);
      await until(async () => (await page.locator('.fix .keyed').first().isVisible()) === key, `the key is ${key ? '' : 'not '}said on ${size}`);
      assert.equal(await page.getByText('To undo, open History above the stage.').first().isVisible(), !key);
      await close();
    }
  });

  test('on a phone beads of a long request stay apart', async () => {
    const { page, close } = await visit(site, { size: 'phone', motion: 'reduce', hash: '#example=counter' });
    await moving(page);
    const beads = await page.locator('.tlsvg [role=button] circle.b').evaluateAll((all) => all.map((bead) => [Number(bead.getAttribute('cx')), Number(bead.getAttribute('r'))]));
    assert.ok(beads.length > 12, `${beads.length} beads`);
    for (const [index, [x, r]] of beads.entries()) if (index) assert.ok(x - r - (beads[index - 1][0] + beads[index - 1][1]) >= 3, `bead ${index} and ${index + 1}`);
    await close();
  });
}

export function poster(site) {
  test('with play=click the small player is a still picture, and loads nothing before it is asked to', async () => {
    const asked = [];
    const { page, context, trouble, close } = await visit(site, { path: 'boot.js' });
    context.on('request', (request) => asked.push(request.url()));
    await page.setViewportSize({ width: 760, height: 480 });
    await page.goto(`${site.host.url}#embed=nodeport&play=click`);
    const play = page.getByRole('button', { name: 'Play' });
    await play.waitFor();
    await page.getByText('The simulator loads when you press play.').waitFor();
    await assertAccessible(page, 'poster');
    await picture(page, 'poster');
    assert.deepEqual(asked.filter((url) => url.endsWith('.wasm')), []);
    assert.equal(page.workers().length, 0, 'no engine runs');
    await play.click();
    await page.getByRole('region', { name: 'Timeline' }).waitFor();
    assertQuiet(trouble);
    await close();
  });

  test('where WebAssembly may not start, the small player stays a picture and says so', async () => {
    const { page, close } = await visit(site, { path: 'boot.js' });
    await page.addInitScript(() => { delete window.WebAssembly; });
    await page.goto(`${site.host.url}#embed=nodeport`);
    await page.getByText('The player cannot start here').waitFor();
    await picture(page, 'poster-stuck');
    await page.goto('about:blank');
    await page.goto(site.host.url);
    await page.getByRole('alert').getByText('does not allow WebAssembly').waitFor();
    await close();
  });
}

export function mended(site) {
  test('a paste over all text and one above an object part their documents, and no line is left over', async () => {
    const { page, trouble, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    const service = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: late\nspec:\n  ports:\n  - port: 80\n';
    await paste(page, service, { over: true });
    await page.waitForTimeout(500);
    assert.equal(await editor(page).inputValue(), service);
    await editor(page).focus();
    await page.keyboard.press('Control+Home');
    await page.evaluate((text) => navigator.clipboard.writeText(text), service.replace('late', 'early'));
    await page.keyboard.press('Control+V');
    await until(async () => (await editor(page).inputValue()) === `${service.replace('late', 'early')}---\n${service}`, 'both documents stand');
    assertQuiet(trouble);
    await close();
  });

  test('an Ingress of an old version is rewritten by one click', async () => {
    const { page, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    const text = await editor(page).inputValue();
    await write(page, `${text}---\napiVersion: extensions/v1beta1\nkind: Ingress\nmetadata:\n  name: shop\nspec:\n  rules:\n  - host: a.example\n    http:\n      paths:\n      - path: /\n        backend:\n          serviceName: web\n          servicePort: 80\n`);
    await page.getByRole('list', { name: 'Findings' }).getByRole('button', { name: 'Rewrite it for networking.k8s.io/v1' }).click();
    await until(async () => /number: 80/.test(await editor(page).inputValue()), 'it is rewritten');
    await page.getByText('no matches for kind').first().waitFor({ state: 'detached' });
    await url(page).fill('http://a.example/');
    await url(page).press('Escape');
    await send(page);
    await assertEnds(page, '200 OK');
    await close();
  });

  test('an old Ingress whose paths are written as flow is rewritten, too', async () => {
    const { page, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    const text = await editor(page).inputValue();
    await write(page, `${text}---\napiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata:\n  name: shop\nspec:\n  rules:\n  - host: a.example\n    http:\n      paths: [{ path: /, backend: { serviceName: web, servicePort: 80 } }]\n`);
    // The banner over the stage has the same button.
    await stage(page).getByRole('button', { name: 'Rewrite it for networking.k8s.io/v1' }).click();
    await until(async () => /pathType: ImplementationSpecific, backend: \{ service: \{ name: web, port: \{ number: 80/.test(await editor(page).inputValue()), 'it is rewritten');
    await url(page).fill('http://a.example/');
    await url(page).press('Escape');
    await send(page);
    await assertEnds(page, '200 OK');
    await close();
  });

  test('two findings about one value name their fields', async () => {
    const { page, close } = await visit(site, { motion: 'reduce' });
    await moving(page);
    await write(page, 'apiVersion: v1\nkind: Service\nmetadata:\n  name: far\nspec:\n  ports:\n  - port: 70000\n');
    const findings = page.locator('.diag');
    await until(async () => (await findings.count()) >= 2, 'both are found');
    const words = (await findings.allInnerTexts()).join('\n');
    assert.match(words, /spec\.ports\[0\]\.port: Invalid value: 70000/);
    assert.match(words, /spec\.ports\[0\]\.targetPort: Invalid value: 70000/);
    assert.match(await stage(page).getByRole('status').first().innerText(), /spec\.ports\[0\]\.(port|targetPort): Invalid value/, 'over the stage as well');
    await picture(page, 'two-findings');
    await close();
  });

  test('in the narrow panel beneath the stage, what is chosen is shown from its top, tables or not', async () => {
    const { page, close } = await visit(site, { motion: 'reduce' });
    await page.setViewportSize({ width: 1000, height: 760 });
    await moving(page);
    const named = async (name) => {
      const box = await inspector(page).getByText(name).first().boundingBox(), room = await inspector(page).boundingBox();
      return box && room && box.y >= room.y && box.y + box.height <= room.y + room.height;
    };
    await choose(page, /^Node node-2/);
    await inspector(page).getByRole('button', { name: 'Send from here' }).scrollIntoViewIfNeeded();
    await choose(page, /^Pod web-/);
    await until(() => named(/^web-[0-9a-f]+-\w+$/), 'the Pod\'s name is in sight');
    await inspector(page).getByRole('button', { name: 'kubectl' }).click();
    await page.getByRole('tab', { name: 'get endpointslices' }).click();
    await choose(page, /^Node node-1/);
    await until(() => named('node-1'), 'the tables make way');
    await inspector(page).getByRole('button', { name: 'Pull the plug' }).click();
    await page.getByText('No request is shown').waitFor();
    await close();
  });

  played(site)('what is sent is shown: a method before http:// alone, TCP before an address without a scheme', async (page) => {
    const method = page.getByRole('combobox', { name: 'Method' });
    await method.waitFor();
    await url(page).fill('node-2:30080');
    await url(page).press('Escape');
    await until(async () => (await method.count()) === 0 && (await page.locator('.url .method').innerText()) === 'TCP', 'no method is offered');
    await send(page);
    await assertEnds(page, 'Delivered');
    await url(page).fill('http://node-2:30080/');
    await method.waitFor();
    await url(page).press('Escape');
    await send(page);
    await assertEnds(page, '200 OK');
  });

  played(site)('the line under a narrow editor is read whole: its state, or the keys while somebody types', async (page) => {
    await page.setViewportSize({ width: 1100, height: 800 });
    const cut = () => page.locator('.pfoot > *').evaluateAll((all) => all.filter((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0).map((part) => part.textContent));
    await until(() => page.getByText(/^Applied, revision \d+$/).isVisible(), 'the revision stands there');
    assert.deepEqual(await cut(), []);
    await editor(page).focus();
    const keys = page.locator('.edkeys');
    await until(() => keys.isVisible(), 'the keys are told');
    const [line, words] = [await page.locator('.pfoot').boundingBox(), await keys.boundingBox()];
    assert.ok(words.y >= line.y && words.y + words.height <= line.y + line.height && words.x + words.width <= line.x + line.width, 'within the line');
    assert.deepEqual(await cut(), []);
  });

  played(site)('a value of a wrong type is told with what to write, and mended by one click', async (page) => {
    await write(page, (await editor(page).inputValue()).replace('replicas: 3', 'replicas: "two"'));
    await page.getByText('A whole number is wanted here, without quotes, such as 2').first().waitFor();
    await page.locator('.diag').getByRole('button', { name: /2/ }).last().click();
    await until(async () => (await editor(page).inputValue()).includes('replicas: 2\n'), 'it is mended');
  });

  played(site)('a CoreDNS Pod that is not ready still shows its book, struck out', async (page) => {
    await choose(page, /^Pod coredns-/);
    await button(page, 'Make it unready').click();
    await until(async () => (await stage(page).getByRole('button', { name: /^Pod coredns-.*not ready/i }).first().locator('use[href="#g-dns"]').count()) === 1, 'its glyph stays');
  });

  test('no card\'s title leaves its card, however narrow the stage', async () => {
    const { page, close } = await visit(site, { hash: '#example=ingress', motion: 'reduce' });
    await moving(page);
    for (const width of [1440, 1120, 1000, 900, 800, 390]) {
      await page.setViewportSize({ width, height: 800 });
      await page.waitForTimeout(300);
      const out = await page.locator('.stage .outside, .stage .thing').evaluateAll((all) => all.flatMap((thing) => {
        const card = thing.querySelector('rect.card'), title = thing.querySelector('text.t');
        return card && title && title.getBoundingClientRect().right > card.getBoundingClientRect().right - 1 ? [title.textContent] : [];
      }));
      assert.deepEqual(out, [], `at ${width}`);
    }
    await close();
  });
}
