// Failures look different from each other, and say what to try next.
import { picture } from './harness.js';
import { assertEnds, editor, played, send, write } from './page.js';

/** What to write in the place of the first example's text, what to send, how it must end. */
const KINDS = {
  'refused by the node: no endpoints': { text: (web) => web.replace(/replicas: 3/, 'replicas: 0'), to: 'http://node-2:30080/', ends: 'Connection refused' },
  'refused by the Pod: nothing listens on the target port': { text: (web) => web.replace(/targetPort: .*/, 'targetPort: 8081'), to: 'http://node-2:30080/', ends: 'Connection refused' },
  'refused by the node: no rule for the port': { to: 'http://node-2:30999/', ends: 'Connection refused' },
  'timeout: an address that nobody routes': { to: 'http://203.0.113.99/', ends: 'Timed out' },
  'name not found': { to: 'http://no-such.default.svc.cluster.local/', who: 'node-1', ends: 'NXDOMAIN' },
};

export function failures(site) {
  const it = played(site);

  for (const [name, { text, to, who, ends }] of Object.entries(KINDS)) {
    it(name, async (page) => {
      if (text) {
        await write(page, text(await editor(page).inputValue()));
        await page.waitForTimeout(600);
      }
      await send(page, { to, who });
      await assertEnds(page, ends);
      await picture(page, `failure ${name}`.replaceAll(/[ :,]+/g, '-'));
    });
  }

  for (const [example, ends] of [['no-class', 'NXDOMAIN'], ['bad-backend', '503'], ['local-policy', 'Timed out'], ['wrong-port', 'Connection refused'], ['no-endpoints', 'Connection refused']]) {
    it(`the example ${example} fails as it says`, { hash: `#example=${example}` }, async (page) => {
      await assertEnds(page, ends);
      await picture(page, `example-${example}`);
    });
  }
}
