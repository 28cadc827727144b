// What the cards of things say beyond what the stage shows of them.
import assert from 'node:assert/strict';
import { assertAccessible, picture, until, visit } from './harness.js';
import { assertEnds, button, choose, editor, inspector, last, moving, offers, played, send, stage, write } from './page.js';

const node = (name, zone) => `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: {topology.kubernetes.io/zone: ${zone}}}\n---\n`;
const ZONES = node('node-1', 'eu-west-1a') + node('node-2', 'eu-west-1b') + node('node-3', 'eu-west-1b');
const SERVICE = `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  sessionAffinity: ClientIP
  trafficDistribution: PreferSameZone
  externalTrafficPolicy: Local
  loadBalancerSourceRanges: [203.0.113.0/24]
  ports: [{port: 80, nodePort: 30080}]
`;
const workload = (spec, count = 2) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${count}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx${spec}}]}
`;

/** The card's words once they hold these. */
async function says(page, words) {
  await until(async () => words.test((await inspector(page).innerText()).replace(/\s+/g, ' ')), `the card says ${words}`);
  return (await inspector(page).innerText()).replace(/\s+/g, ' ');
}

/** Another text, and the stage once its change has played. */
async function becomes(page, text) {
  await write(page, text);
  await page.waitForTimeout(600);
  await until(async () => (await page.locator('.tlflow').count()) === 0, 'the change has played', 20_000);
}

export function cards(site) {
  const it = played(site);

  it('a Service\'s card tells each field that is set, what it does, and leads to its line', async (page) => {
    await becomes(page, ZONES + workload('') + SERVICE);
    await choose(page, /^Service web/);
    const card = await says(page, /trafficDistribution: PreferSameZone/);
    for (const words of [/sessionAffinity: ClientIP, 10800 s/, /eu-west-1a, eu-west-1b|eu-west-1b/, /externalTrafficPolicy: Local/, /healthCheckNodePort: \d+/,
      /loadBalancerSourceRanges: 203\.0\.113\.0\/24/, /eu-west-1b · hints: eu-west-1b/]) assert.match(card, words);
    await picture(page, 'card-service');
    await assertAccessible(page, 'a Service\'s card');
    const row = inspector(page).locator('.set li').filter({ hasText: 'trafficDistribution' });
    await row.getByRole('button', { name: /^Line \d+/ }).click();
    await until(async () => /trafficDistribution/.test(await editor(page).evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd) || area.value.slice(0, area.selectionStart).split('\n').at(-1))), 'its line is shown');
    await button(page, 'Delete Service').click();
    await until(async () => (await stage(page).getByRole('button', { name: /^Service web/ }).count()) === 0, 'it is gone');
  });

  for (const size of ['desktop', 'tablet', 'phone']) {
    it(`zones stand on the stage and cover nothing: ${size}`, { size, hash: '#example=nodeport' }, async (page) => {
      if (size === 'phone') await page.getByRole('button', { name: 'YAML', exact: true }).click();
      await becomes(page, ZONES + await editor(page).inputValue());
      if (size === 'phone') await page.getByRole('button', { name: 'Stage', exact: true }).click();
      const boxes = async () => page.evaluate(() => [...document.querySelectorAll('.stage .machine')].flatMap((machine) =>
        [...machine.querySelectorAll('text')].map((text) => { const { x, y, right, bottom } = text.getBoundingClientRect(); return { words: text.textContent, x, y, right, bottom }; })));
      await until(async () => (await boxes()).filter(({ words }) => /^(eu-west-)?1[ab]$/.test(words)).length === 3, 'three zones');
      const all = (await boxes()).filter(({ words }) => words);
      for (const [index, one] of all.entries()) for (const other of all.slice(index + 1)) {
        const apart = one.right <= other.x + 1 || other.right <= one.x + 1 || one.bottom <= other.y + 3 || other.bottom <= one.y + 3;
        assert.ok(apart, `${JSON.stringify(one)} covers ${JSON.stringify(other)}`);
      }
      await picture(page, `zones-${size}`);
    });
  }

  it('a Pod\'s card tells its environment, what is missing, and keeps Secrets', async (page) => {
    const env = ', env: [{name: CART_HOST, value: cart}, {name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}, {name: TOKEN, valueFrom: {secretKeyRef: {name: gone, key: t}}}]';
    const secret = '---\napiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2}\n';
    await becomes(page, workload(env, 1) + secret + SERVICE.replace('name: web', 'name: cart'));
    await choose(page, /^Pod web-/);
    const card = await says(page, /Variables that the kubelet adds for Services: \d+/);
    for (const words of [/CART_HOST=\s?cart/, /PASSWORD=\s?••• Secret db, key password/, /TOKEN Secret gone, key t not found/, /CreateContainerConfigError/]) assert.match(card, words);
    assert.doesNotMatch(card, /hunter2/);
    assert.equal(await button(page, 'Make it ready').count(), 0, 'nothing to switch by hand');
    assert.match(card, /nothing can be switched by hand/);
    await inspector(page).getByText(/^Variables that the kubelet adds/).click();
    await says(page, /CART_SERVICE_HOST=\s?10\.96/);
    await picture(page, 'card-pod');
    await assertAccessible(page, 'a Pod\'s card');
  });

  it('a Pod that was made unready by hand is made ready again', async (page) => {
    await choose(page, /^Pod web-/);
    await button(page, 'Make it unready').click();
    await button(page, 'Make it ready').click();
    await button(page, 'Make it unready').waitFor();
  });

  it('a rollout that cannot go on is said to wait, in kubectl\'s own words', async (page) => {
    await becomes(page, workload('') + SERVICE);
    await becomes(page, workload(', readinessProbe: {tcpSocket: {port: 81}}') + SERVICE);
    await says(page, /The rollout of web waits.*1 out of 2 new replicas have been updated\.\.\./);
    await picture(page, 'rollout-waits');
    await choose(page, /^Pod web-/);
    await says(page, /The rollout of web waits/);
  });

  it('the tables list one namespace, or all', async (page) => {
    const shop = (text) => text.replaceAll('metadata: {name: web}', 'metadata: {name: web, namespace: shop}');
    await becomes(page, `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n${shop(workload('') + SERVICE)}---\n${workload('')}`);
    const choice = page.getByRole('combobox', { name: 'Namespace' }), table = page.getByRole('tabpanel', { name: /^kubectl/ });
    await until(async () => /kube-system/.test(await table.innerText()), 'all at first');
    await choice.selectOption('shop');
    await until(async () => /web/.test(await table.innerText()) && !/kube-system|NAMESPACE/.test(await table.innerText()), 'only the shop');
    await page.getByRole('tab', { name: 'get svc -o wide -n shop' }).waitFor();
  });

  it('a number alone is no target, and the page says what is', async (page) => {
    await page.getByRole('combobox', { name: 'URL' }).fill('0');
    await page.getByRole('combobox', { name: 'URL' }).press('Escape');
    await button(page, 'Send').click();
    await says(page, /0 is no target: a number alone names no host here/);
  });

  it('ports on a node are told on the cards of their Pod and Service, and called from there', async (page) => {
    const pod = '---\napiVersion: v1\nkind: Pod\nmetadata: {name: lone}\nspec: {nodeName: node-2, containers: [{name: c, image: nginx, ports: [{containerPort: 80, hostPort: 8088}]}]}\n';
    await becomes(page, workload('') + SERVICE + pod);
    await choose(page, /^Pod lone/);
    await says(page, /hostPort: 8088 Line \d+ The CNI plugin portmap leads port 8088 of node-2 to port 80 of this Pod/);
    await picture(page, 'card-host-port');
    await button(page, 'Call http://node-2:8088/').click();
    await assertEnds(page, '200 OK');
    await choose(page, /^Service web/);
    const [, check] = (await says(page, /healthCheckNodePort: \d+/)).match(/Call (http:\/\/node-1:\d+\/)/);
    await button(page, `Call ${check}`).click();
    await assertEnds(page, 'from kube-proxy');
    const list = await offers(page);
    for (const own of ['http://node-2:8088/', check]) assert.ok(list.some((offer) => offer.startsWith(own)), list.join('\n'));
  });

  it('a Service that publishes Pods before they are ready says which are not', async (page) => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {publishNotReadyAddresses: true, selector: {app: web}, ports: [{name: a, port: 53, protocol: UDP}, {name: b, port: 80}]}\n';
    await becomes(page, `${workload(', readinessProbe: {httpGet: {port: 81}}', 1)}---\n${service}`);
    await choose(page, /^Service web/);
    const card = await says(page, /published, not ready/);
    assert.match(card, /a 53\/UDP → 53 b 80 → 80/);
    await picture(page, 'card-published');
  });

  it('a node\'s card has its taints and labels, with their lines', async (page) => {
    await becomes(page, `${ZONES}apiVersion: v1\nkind: Node\nmetadata: {name: gpu, labels: {disk: ssd}}\nspec: {taints: [{key: gpu, value: a, effect: NoSchedule}]}\n---\n${workload('')}`);
    await choose(page, /^Node gpu/);
    await says(page, /taint: gpu=a:NoSchedule Line 16 No new Pod comes here/);
    await says(page, /labels: .*disk=ssd.* Line 15/);
    await picture(page, 'card-node');
    await assertAccessible(page, 'a node\'s card');
  });

  it('a Service is asked about by its own name, not by that of its namesake in another namespace', async (page) => {
    const shop = (text) => text.replaceAll('metadata: {name: web}', 'metadata: {name: web, namespace: shop}');
    const service = '---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n';
    await becomes(page, `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n${shop(workload('') + service)}---\n${workload('')}${service}`);
    for (const own of ['shop', 'default']) {
      await choose(page, new RegExp(`^Service ${own}/web`));
      await says(page, new RegExp(`Asked for pod/${own}/.*, calling http://web/`));
    }
  });

  it('long outcomes stay in the inspector', async (page) => {
    const alias = '---\napiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec: {type: ExternalName, externalName: api.example.com}\n';
    await becomes(page, workload('', 1) + alias);
    await send(page, { who: 'web-', to: 'https://api/' });
    await send(page, { to: 'http://api/' });
    await last(page);
    await until(async () => (await inspector(page).locator('.results .chip').count()) === 2, 'both are counted');
    const [edge, chips] = await inspector(page).evaluate((panel) => [panel.getBoundingClientRect().right, [...panel.querySelectorAll('.chip')].map((chip) => chip.getBoundingClientRect().right)]);
    assert.ok(chips.every((right) => right <= edge), `${chips} within ${edge}`);
    await picture(page, 'outcomes-long');
    await says(page, /The request asks the server of api\.example\.com for api \(Host header\)/);
    await inspector(page).getByRole('button', { name: /^Caused by line \d+/ }).waitFor();
    await inspector(page).getByRole('button', { name: 'Check it step by step' }).waitFor();
  });

  it('a hundred requests of one client that its Service remembers reach one Pod, and the page says why', async (page) => {
    await becomes(page, workload('', 3) + SERVICE.replace('type: LoadBalancer', 'type: NodePort').replace(/ {2}(trafficDistribution|externalTraffic|loadBalancer).*\n/g, ''));
    await send(page, { to: 'http://node-1:30080/' });
    await button(page, 'Send 100').click();
    await says(page, /100 × 200 OK.*One client, one Pod\. The Service has sessionAffinity ClientIP/);
    await picture(page, 'sticky');
  });
}
