// Speed in Chromium, as ratios within one run. A timing never gates.
//  1. An edit of a 1,000-line manifest: by the page's own worker alone, and in the whole page, beside the worker's first answer.
//  2. Requests per second of the engine in wasm, beside @ngrok/webernetes on the same manifest in the same page, turn by turn.
//  3. kube-proxy's rules for 100, 1,000 and 5,000 Services with 10 endpoints each, in wasm and natively: all of them, the change of one
//     Pod, one packet's walk.
// After a warm-up, what is compared takes turns in short rounds. A busy machine only ever makes a round slower, so ratios are of the
// best rounds; medians stand beside them. A round takes some milliseconds at least, because the browser's clock counts tenths of one.
import { mkdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { open, ROOT } from '../browser/harness.js';

const OUT = join(ROOT, 'test-results/bench');
mkdirSync(OUT, { recursive: true });
const cargo = (...args) => execFileSync('cargo', args, { stdio: ['ignore', 'pipe', 'inherit'] }).toString();
const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
cargo('build', '--quiet', '--release', '--locked', '--lib', '--target', 'wasm32-unknown-unknown', '--target-dir', target,
  '--manifest-path', join(ROOT, 'tests/bench/engine/Cargo.toml'));
execFileSync('wasm-bindgen', ['--target', 'web', '--no-typescript', '--out-dir', OUT, '--out-name', 'engine',
  join(target, 'wasm32-unknown-unknown/release/kubehop_bench.wasm')]);
const features = ['bulk-memory', 'nontrapping-float-to-int', 'sign-ext', 'mutable-globals', 'reference-types', 'multivalue'].map((f) => `--enable-${f}`);
execFileSync('wasm-opt', ['-Oz', ...features, join(OUT, 'engine_bg.wasm'), '-o', join(OUT, 'engine_bg.wasm')]);
await build({ entryPoints: [join(ROOT, 'tests/bench/webernetes.js')], bundle: true, format: 'esm', outfile: join(OUT, 'webernetes.js'), logLevel: 'error' });

const made = (name, type) => ({ type, body: readFileSync(join(OUT, name)) });
const site = await open({
  'bench.html': { type: 'text/html', body: '<!doctype html><title>bench</title>' },
  'bench/engine.js': made('engine.js', 'text/javascript'),
  'bench/engine_bg.wasm': made('engine_bg.wasm', 'application/wasm'),
  'bench/webernetes.js': made('webernetes.js', 'text/javascript'),
});
const web = readFileSync(join(ROOT, 'tests/bench/web.yaml'), 'utf8');
// A shop of 24 applications with 41 lines each.
const shop = Array.from({ length: 24 }, (_, i) => readFileSync(join(ROOT, 'tests/bench/app.yaml'), 'utf8').replaceAll('NAME', `app-${i}`).replaceAll('30000', String(30000 + i))).join('---\n');
const html = readFileSync(join(process.env.DIST ?? join(ROOT, 'dist'), 'index.html'), 'utf8');
const fragment = `${html.match(/data-js="([^"]+)"/)[1]} ${html.match(/data-wasm="([^"]+)"/)[1]}`;

const page = await (await site.browser.newContext()).newPage();
await page.goto(`${site.host.url}bench.html`);
const median = (list) => list.toSorted?.((a, b) => a - b)[list.length >> 1] ?? [...list].sort((a, b) => a - b)[list.length >> 1];

// The page's own worker, without the page: an Edit in the binary form of src/app/wire.rs, until its reply is there.
const edits = await page.evaluate(async ({ fragment, shop }) => {
  const number = (n) => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...number(n >>> 7)]);
  const text = (string) => { const bytes = new TextEncoder().encode(string); return [...number(bytes.length), ...bytes]; };
  const edit = (revision, name, body) => new Uint8Array([0, 1, ...number(revision), 1, 1, 1, ...text(name), 1, ...text(body)]);
  const worker = new Worker(`boot.js#${fragment}`, { type: 'module' });
  const next = () => new Promise((heard) => { worker.onmessage = (event) => heard(event.data); });
  await next();
  const times = [];
  let bytes = 0;
  for (let revision = 1; revision <= 60; revision++) {
    const message = edit(revision, 'shop.yaml', shop.replace('replicas: 2', `replicas: ${2 + (revision % 3)}`));
    const start = performance.now();
    worker.postMessage(message);
    bytes = (await next()).length;
    times.push(performance.now() - start);
  }
  worker.terminate();
  return { times, bytes };
}, { fragment, shop });
const lines = shop.split('\n').length - 1;
const settled = edits.times.slice(15);
console.log(`edit of ${lines} lines: ${(edits.times[0] / median(settled)).toFixed(1)} x quicker than the first answer`);
console.log(`edit of ${lines} lines, from the message to its reply (${edits.bytes} bytes): best ${Math.min(...settled).toFixed(1)} ms, median ${median(settled).toFixed(1)} ms, worst ${Math.max(...settled).toFixed(1)} ms, first ${edits.times[0].toFixed(1)} ms (aim 8 ms, scene included)`);

// The whole page: from the end of the typing pause to the new picture in the document.
const drawn = await (async () => {
  const whole = await (await site.browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', locale: 'en-US' })).newPage();
  await whole.goto(site.host.url);
  const editor = whole.getByRole('textbox', { name: 'YAML editor' });
  await editor.fill(shop);
  await whole.getByText(/^Applied, revision/).first().waitFor();
  await whole.waitForTimeout(1000);
  const times = await editor.evaluate(async (field) => {
    const times = [];
    const status = () => document.body.textContent.match(/Applied, revision (\d+)/)?.[1];
    for (let round = 0; round < 24; round++) {
      const before = status();
      const at = field.value.indexOf('replicas: ') + 10;
      const changed = new Promise((done) => {
        const observer = new MutationObserver(() => { if (status() !== before) { observer.disconnect(); done(performance.now()); } });
        observer.observe(document.body, { subtree: true, childList: true, characterData: true });
      });
      field.setRangeText(String(2 + (round % 3) + (field.value[at] === String(2 + (round % 3)) ? 1 : 0)), at, at + 1);
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
      const start = performance.now() + 150;
      times.push((await Promise.race([changed, new Promise((late) => setTimeout(late, 3000))])) - start);
      await new Promise((done) => setTimeout(done, 50));
    }
    return times.filter(Number.isFinite);
  });
  await whole.close();
  return times;
})().catch((error) => [error.message]);
drawn.splice(0, typeof drawn[0] === 'number' ? 4 : 0);
if (typeof drawn[0] === 'number') console.log(`edit of ${lines} lines in the page, picture included, after the typing pause of 150 ms: best ${Math.min(...drawn).toFixed(1)} ms, median ${median(drawn).toFixed(1)} ms, worst ${Math.max(...drawn).toFixed(1)} ms`);
else console.log(`no figure for the whole page: ${drawn[0] ?? 'no edit was applied'}`);

// What both sides play, each in two ways: a node port by the node's address, and a Pod's call of a Service by its name, lookup
// included. Theirs is called once for each request and awaited, as it offers nothing else; of ours one call plays many, one after
// another. A recorded request of theirs is one whose two events (request and response, with the chain of hops) are kept; of ours, one
// of which every hop and every rule met is kept, as numbers; `told` also puts all of it into words. Of `counted` requests only those
// walk whose lots (a rule's chance, which Pod answers) fall as no other's did; of `walked` ones, all.
const speeds = await page.evaluate(async (web) => {
  const rate = async (play, count) => {
    const start = performance.now();
    const delivered = await play(count);
    const seconds = (performance.now() - start) / 1000;
    if (delivered !== count) throw new Error(`${delivered} of ${count} requests were delivered`);
    return count / seconds;
  };
  const { default: init, Engine } = await import('./bench/engine.js');
  await init({ module_or_path: './bench/engine_bg.wasm' });
  const { start } = await import('./bench/webernetes.js');
  const ways = { address: ['internet', 'http://10.0.0.12:30080/'], name: ['deployment/web', 'http://web/'] };
  const began = performance.now();
  const engine = new Engine(web);
  engine.told(...ways.address, 1);
  const ours = performance.now() - began;
  const theirsBegan = performance.now();
  const other = await start(web);
  await other.send('address', 1);
  const theirs = performance.now() - theirsBegan;
  const turns = { told: [(n) => engine.told(...ways.address, n), 300] };
  for (const [way, call] of Object.entries(ways)) {
    const many = way === 'address' ? 5 : 1;
    turns[`${way} traced`] = [(n) => engine.traced(...call, n), 2000 * many];
    turns[`${way} counted`] = [(n) => engine.counted(...call, n), 10_000 * many];
    turns[`${way} walked`] = [(n) => engine.walked(...call, n), 3000 * many];
    turns[`${way} theirs traced`] = [(n) => other.traced(way, n), 200 * many];
    turns[`${way} theirs`] = [(n) => other.send(way, n), 200 * many];
  }
  for (const [play, count] of Object.values(turns)) await play(count);
  const rounds = [];
  for (let round = 0; round < 30; round++) {
    const seen = {};
    for (const [name, [play, count]] of Object.entries(turns)) seen[name] = await rate(play, count);
    rounds.push(seen);
  }
  await other.close();
  return { ours, theirs, rounds };
}, web).catch((error) => ({ error: error.message }));
if (speeds.error) {
  console.log(`no comparison with @ngrok/webernetes: ${speeds.error}`);
} else {
  const best = (key) => Math.max(...speeds.rounds.map((round) => round[key]));
  const middle = (key) => median(speeds.rounds.map((round) => round[key]));
  const ratio = (key, other) => `${(best(key) / best(other)).toFixed(1)} x (medians ${(middle(key) / middle(other)).toFixed(1)} x)`;
  const perSecond = (key) => Math.round(best(key)).toLocaleString('en');
  for (const [way, what] of [['address', 'a node port by address'], ['name', "a Pod's call of a Service by name, lookup included"]]) {
    console.log(`requests per second, ${what}: every hop recorded ${perSecond(`${way} traced`)}, verdicts only ${perSecond(`${way} counted`)}, and where each walks ${perSecond(`${way} walked`)}; @ngrok/webernetes ${perSecond(`${way} theirs traced`)} with its events kept, ${perSecond(`${way} theirs`)} without`);
    console.log(`ratio to @ngrok/webernetes, ${what}, best of 30 rounds: every hop recorded ${ratio(`${way} traced`, `${way} theirs traced`)} (aim 10), verdicts only ${ratio(`${way} counted`, `${way} theirs`)} (aim 30), and where each walks ${ratio(`${way} walked`, `${way} theirs`)}`);
  }
  console.log('ours plays many requests in one call of the wasm, theirs is one awaited fetch each');
  console.log(`every hop and rule put into words at once: ${perSecond('told')} requests per second, ${ratio('told', 'address theirs traced')}`);
  console.log(`apply to first answer: ${speeds.ours.toFixed(1)} ms; @ngrok/webernetes ${speeds.theirs.toFixed(0)} ms (it waits on its own timers)`);
}

const sizes = await page.evaluate(async () => {
  const { Scale } = await import('./bench/engine.js');
  const time = (rounds, work) => Math.min(...Array.from({ length: rounds }, () => { const start = performance.now(); work(); return performance.now() - start; }));
  return [100, 1000, 5000].map((services) => {
    const scale = new Scale(services);
    const rules = scale.full();
    if (scale.walk(100) !== 100) throw new Error('a packet found no endpoint');
    // Changes are timed by tens, because the browser's clock is coarse.
    const change = time(12, () => { for (let i = 0; i < 10; i++) scale.change(); }) / 10;
    const size = { services, rules, full: time(4, () => scale.full()), change, walk: time(12, () => scale.walk(20000)) };
    scale.free();
    return size;
  });
}).catch((error) => { console.log(`no figures for many Services: ${error.message}`); return []; });
for (const { services, rules, full, change, walk } of sizes) {
  console.log(`${String(services).padStart(5)} Services x 10 endpoints, ${String(rules).padStart(6)} rules, wasm:   all of them ${full.toFixed(1).padStart(8)} ms (${(full / sizes[0].full).toFixed(1).padStart(5)} x those of 100); one Pod replaced ${change.toFixed(2).padStart(6)} ms (${(full / change).toFixed(1).padStart(5)} x quicker); one packet ${(walk / sizes[0].walk).toFixed(2)} x that among 100`);
}
await site.close();

cargo('build', '--quiet', '--release', '--locked', '--bin', 'kubehop-native', '--target-dir', target, '--manifest-path', join(ROOT, 'tests/bench/engine/Cargo.toml'));
process.stdout.write(execFileSync(join(target, 'release/kubehop-native')).toString());

