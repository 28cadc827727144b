// The page's weight by part, compressed as a static host would (brotli 11; KB = 1,000 bytes). `--gate` fails above the limit.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { fileURLToPath } from 'node:url';

const DIST = process.env.DIST ?? fileURLToPath(new URL('../../dist/', import.meta.url));
const LIMIT = 300, AIM = 230, WASM_AIM = 200, EDITOR_LIMIT = 130;

const weigh = (path) => brotliCompressSync(readFileSync(join(DIST, path)), {
  params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: readFileSync(join(DIST, path)).length },
}).length / 1000;
const kb = (n) => `${n.toFixed(1).padStart(7)} KB`;

if (!existsSync(join(DIST, 'index.html'))) {
  console.error('dist/ is not built: make dist');
  process.exit(1);
}
const html = readFileSync(join(DIST, 'index.html'), 'utf8');
const named = (pattern) => [...html.matchAll(pattern)].map((match) => match[1].replace(/^\.\//, ''));
const one = (names) => [...new Set(names)];

// The heaviest language stands for "one language": only the chosen one is fetched.
const words = readdirSync(join(DIST, 'words')).filter((name) => !name.includes('.engine.')).map((name) => `words/${name}`).sort((a, b) => weigh(b) - weigh(a));
const parts = {
  HTML: ['index.html'],
  CSS: one(named(/<link[^>]*rel="stylesheet"[^>]*href="([^"]+)"/g)),
  'start script': ['boot.js'],
  glue: one(named(/data-js="([^"]+)"/g)),
  snippets: one(named(/(?:src|href)="([^"]*snippets[^"]+)"/g)),
  wasm: one(named(/data-wasm="([^"]+)"/g)),
  'one language': words.slice(0, 1),
  'recording of the opening': ['opening.bin'],
};

let total = 0;
const weight = {};
for (const [part, files] of Object.entries(parts)) {
  weight[part] = files.reduce((sum, file) => sum + weigh(file), 0);
  total += weight[part];
  if (files.length) console.log(`${kb(weight[part])}  ${part}${files.length > 1 ? ` (${files.length} files)` : ''}`);
}
console.log(`${kb(total)}  first load (aim ${AIM}, of it wasm ${WASM_AIM}; limit ${LIMIT})`);

const first = new Set(Object.values(parts).flat());
const rest = readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(DIST.replace(/\/?$/, '/').length)).filter((path) => !first.has(path));
const engine = rest.filter((path) => path.endsWith('_rest.wasm'));
for (const path of engine) console.log(`${kb(weigh(path))}  once traffic moves: the rest of the wasm, above all the engine`);
for (const path of rest) if (!engine.includes(path)) console.log(`${kb(weigh(path))}  when it is asked for: ${path}`);

const editor = rest.filter((path) => /(^|\/)editor[^/]*\.js$/.test(path)).reduce((sum, path) => sum + weigh(path), 0);
const broken = [
  total > LIMIT && `the first load weighs ${total.toFixed(1)} KB, more than ${LIMIT} KB`,
  editor > EDITOR_LIMIT && `the editor weighs ${editor.toFixed(1)} KB, more than ${EDITOR_LIMIT} KB`,
  !engine.length && 'the wasm is not split: was this a release build?',
].filter(Boolean);
for (const line of broken) console.error(line);
if (process.argv.includes('--gate') && broken.length) process.exit(1);
