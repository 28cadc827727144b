// A change as it plays: the stage shows after each step what was done by then, the strip under it names who did it.
import assert from 'node:assert/strict';
import { assertAccessible, picture, until } from './harness.js';
import { button, choose, editor, inspector, played, podsOf, send, stage, timeline, write } from './page.js';

/** From now on the page notes whatever it shows of a change: who acts, how the Pods of `web` stand, which plates are marked. */
async function watch(page) {
  await page.evaluate(() => {
    window.seen = [];
    const look = () => {
      const all = (selector) => [...document.querySelectorAll(selector)].map((found) => found.textContent);
      const pods = {};
      for (const title of all('.stage .pod title')) {
        const [, pod, state] = title.match(/^Pod (web-[\w-]+), .*, ([^,]+), on/) ?? [];
        if (pod) pods[pod] = state;
      }
      const now = {
        who: all('.tlflow b')[0] ?? '', when: all('.tlflow time')[0] ?? '', pods, plates: document.querySelectorAll('.plate.touched').length,
        dead: all('.stage .machine title').filter((title) => /no power|NotReady/.test(title)).join(), spoken: all('.app>.sr')[0],
      };
      if (JSON.stringify(window.seen.at(-1)) !== JSON.stringify(now)) window.seen.push(now);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
}

/** What was noted until the change had played to its end. */
async function watched(page) {
  await until(() => page.evaluate(() => window.seen.some((now) => now.who) && !window.seen.at(-1).who), 'the change plays to its end', 20_000);
  return page.evaluate(() => window.seen);
}

/** These moments were shown, in this order. */
function assertOrder(seen, moments) {
  let from = 0;
  for (const [what, holds] of moments) {
    const at = seen.findIndex((now, index) => index >= from && holds(now));
    assert.ok(at >= 0, `${what}, after ${from} of: ${JSON.stringify(seen, null, 1)}`);
    from = at;
  }
}

export function changes(site) {
  const it = played(site);

  for (const motion of ['no-preference', 'reduce']) {
    it(`a deleted Pod is Terminating while its replacement starts (motion: ${motion})`, { motion }, async (page) => {
      const [old] = await podsOf(page, 'web');
      await choose(page, new RegExp(`^Pod ${old}`));
      await watch(page);
      await button(page, 'Delete Pod').click();
      await until(async () => /kube-proxy on 3 nodes/.test(await timeline(page).innerText()), 'rules are written');
      if (motion === 'reduce') await assertAccessible(page, 'a change plays');
      await picture(page, 'change-rules');
      const seen = await watched(page);
      const fresh = Object.keys(seen.at(-1).pods).find((pod) => !Object.hasOwn(seen[0].pods, pod));
      const leaves = (now) => now.pods[old] === 'Terminating';
      assertOrder(seen, [
        ['Terminating, and no other yet', (now) => leaves(now) && !now.pods[fresh] && now.who === 'kube-apiserver'],
        ['another is asked for', (now) => leaves(now) && !now.pods[fresh] && now.who === 'replicaset-controller'],
        ['it is Pending', (now) => leaves(now) && now.pods[fresh] === 'Pending' && now.who === 'kube-scheduler'],
        ['it runs', (now) => leaves(now) && now.pods[fresh] === 'not ready'],
        ['it is ready', (now) => leaves(now) && now.pods[fresh] === 'Running' && now.who.startsWith('kubelet')],
        ['the slice has it', (now) => leaves(now) && now.who === 'endpointslice-controller'],
        ['all kernels get rules', (now) => leaves(now) && now.who === 'kube-proxy' && now.plates === 3],
        ['the old one is gone', (now) => !now.pods[old] && now.who.startsWith('kubelet')],
        ['the slice forgets it', (now) => now.who === 'endpointslice-controller'],
        ['and the kernels', (now) => now.who === 'kube-proxy' && now.plates === 3],
      ]);
      for (const words of ['kube-apiserver: The Pod', 'kube-scheduler: ', 'endpointslice-controller: ', 'kube-proxy on 3 nodes']) {
        assert.ok(seen.some((now) => now.spoken.includes(words)), `spoken: ${words}`);
      }
      assert.ok(seen.every((now) => !now.when), 'all of it is immediate');
      assert.equal(await inspector(page).locator('.flow time').count(), 0);
    });
  }

  it('a request, the next action and the button each show the end at once', async (page) => {
    const plays = () => timeline(page).locator('.tlflow').isVisible();
    const scale = async (name) => {
      await choose(page, /^Pod web-/);
      await button(page, name).click();
      await until(plays, 'the change plays');
    };
    await scale('One replica more');
    assert.equal((await podsOf(page, 'web')).length, 3);
    await button(page, 'Show the end').click();
    assert.equal((await podsOf(page, 'web')).length, 4);
    await scale('One replica more');
    await send(page);
    assert.deepEqual([await plays(), (await podsOf(page, 'web')).length], [false, 5]);
    await scale('One replica fewer');
    await watch(page);
    await choose(page, /^Pod web-/);
    await button(page, 'One replica fewer').click();
    await until(async () => (await podsOf(page, 'web')).length === 4, 'what was before is at its end');
    const seen = await watched(page);
    assert.equal(Object.keys(seen.at(-1).pods).length, 3);
    await button(page, 'Take it back').click();
    await until(async () => (await podsOf(page, 'web')).length === 4, 'one action is taken back');
    assert.equal(await plays(), false, 'the past is not played again');
  });

  it('an edit plays, too: new Pods come before old ones go', async (page) => {
    const before = await podsOf(page, 'web');
    await watch(page);
    await write(page, (await editor(page).inputValue()).replace('nginx:1.27', 'nginx:1.28'));
    const seen = await watched(page);
    const old = (now) => before.filter((pod) => now.pods[pod] === 'Running').length;
    const fresh = (now, state) => Object.entries(now.pods).filter(([pod, stands]) => !before.includes(pod) && stands === state).length;
    assertOrder(seen, [
      ['a new one is Pending', (now) => old(now) === 3 && fresh(now, 'Pending') === 1],
      ['a new one is ready before an old one goes', (now) => old(now) === 3 && fresh(now, 'Running') === 1],
      ['then one goes', (now) => old(now) === 2 && before.some((pod) => now.pods[pod] === 'Terminating')],
      ['all are new', (now) => old(now) === 0 && fresh(now, 'Running') === 3],
    ]);
  });

  it('a lost node: NotReady first, its Pods out of the slice after that; each stage at its time', { hash: '#example=loadbalancer' }, async (page) => {
    await choose(page, /^Node node-3/);
    await button(page, 'Pull the plug').click();
    await stage(page).getByRole('button', { name: /^Node node-3.*, no power/ }).waitFor();
    await button(page, 'wait 10 s').click();
    await until(async () => /0:10/.test(await inspector(page).innerText()), 'the health check has a time');
    await watch(page);
    await button(page, 'wait 1 min').click();
    const seen = await watched(page);
    assertOrder(seen, [
      ['the node is NotReady', (now) => now.who === 'node-lifecycle-controller' && now.when === '0:50' && /NotReady/.test(now.dead)],
      ['its Pod is not ready', (now) => Object.values(now.pods).includes('not ready')],
      ['the slice', (now) => now.who === 'endpointslice-controller' && now.when === '0:50'],
      ['the kernels of the other nodes', (now) => now.who === 'kube-proxy' && now.plates === 2],
    ]);
    await send(page);
    await button(page, 'wait 10 s').click();
    await stage(page).getByText('10 s passed, nothing changed').waitFor();
    await picture(page, 'nothing-changed');
    await watch(page);
    await button(page, 'wait 5 min').click();
    const evicted = await watched(page);
    assertOrder(evicted, [
      ['eviction', (now) => now.who === 'taint-eviction-controller' && now.when === '5:50' && Object.values(now.pods).includes('Terminating')],
      ['another Pod on a living node', (now) => now.who === 'kube-scheduler' && Object.values(now.pods).includes('Pending')],
      ['the kernels', (now) => now.who === 'kube-proxy'],
    ]);
    assert.ok(Object.values(evicted.at(-1).pods).includes('Terminating'), 'nobody ends the Pod on a node without power');
  });

  it('a Pod that is made unready runs on; the slice and the kernels follow', async (page) => {
    const [pod] = await podsOf(page, 'web');
    await choose(page, new RegExp(`^Pod ${pod}`));
    await watch(page);
    await button(page, 'Make it unready').click();
    assertOrder(await watched(page), [
      ['not ready', (now) => now.pods[pod] === 'not ready' && now.who.startsWith('kubelet')],
      ['the slice', (now) => now.who === 'endpointslice-controller'],
      ['the kernels', (now) => now.who === 'kube-proxy' && now.plates === 3 && now.pods[pod] === 'not ready'],
    ]);
  });

  it('time can be let pass while a container is started again and again, and not where it would change nothing', async (page) => {
    assert.equal(await page.getByRole('button', { name: /^wait / }).count(), 0);
    await write(page, `apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  containers: [{name: c, image: nginx, livenessProbe: {httpGet: {port: 9999}}}]\n`);
    await choose(page, /^Pod bad/);
    const restarts = async () => Number((await inspector(page).innerText()).match(/RESTARTS\s+(\d+)/)?.[1]);
    await until(async () => (await restarts()) === 1, 'it was started again once');
    await button(page, 'wait 5 min').click();
    await until(async () => (await restarts()) > 2, 'it was started more often');
    await stage(page).getByText(/Time 5:00/).waitFor();
    await picture(page, 'crash-loop-waits');
    await assertAccessible(page, 'time passes');
  });
}
