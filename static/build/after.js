// Runs after Trunk has put the page together: records what the engine answers to the opening page, and, for a release, optimizes the
// wasm and splits it (split.js). Trunk's own wasm-opt would drop the names of functions, which splitting needs.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { FIRST_LOAD, named } from './names.js';
import { instrument, split } from './split.js';
import { parse } from './wasm.js';
import { record } from './record.js';

// `--low-memory-unused`: the stack's very end is at address 0, and no constant lies below it.
// `--no-inline`: a function that opening does not run then stays apart from its caller, which it may run.
const FEATURES = ['bulk-memory', 'nontrapping-float-to-int', 'sign-ext', 'mutable-globals', 'reference-types', 'multivalue'].map((name) => `--enable-${name}`);
const OPT = fileURLToPath(new URL('../../node_modules/.bin/wasm-opt', import.meta.url));
const staging = process.env.TRUNK_STAGING_DIR;
const here = (name) => join(staging, name);
const hash = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex').slice(0, 16);
const wasm = readdirSync(staging).find((name) => name.endsWith('_bg.wasm')), js = wasm.replace('_bg.wasm', '.js');

const opening = await record(here(js), readFileSync(here(wasm)));
writeFileSync(here('opening.bin'), opening);

// Words that only the engine says go apart from what the page says itself, by its sources, and from what the recording says.
const ENGINE = /^(admit|advice|advise|assume|change|cli|decode|dump|explain|field|fix|help|hop|ingress|kind|limit|listens|mend|node|offer|paste|pending|read|rollout|session)\./;
const page = fileURLToPath(new URL('../../src/app', import.meta.url));
const sources = readdirSync(page, { recursive: true }).filter((name) => name.endsWith('.rs')).map((name) => readFileSync(join(page, name), 'utf8'));
const early = [Buffer.from(opening).toString('latin1'), ...sources].join(' ');
// Dialogs, lessons, the Objects view, calls in turn and what is chosen are shown once all words are there (`Msg::opens`); their titles are on buttons.
const OPENED = /^(about|calls|item|keys|ladder|lessons?|object|settings|share)\.(?!title$)/;
// A hop names its text; its title has the same name.
const late = ([id]) => OPENED.test(id) || ENGINE.test(id) && !early.includes(id.replace(/^(hop\..*)\.title/, '$1.text'));
for (const language of ['en', 'ko']) {
  const words = Object.entries(JSON.parse(readFileSync(here(`words/${language}.json`), 'utf8')));
  writeFileSync(here(`words/${language}.json`), JSON.stringify(Object.fromEntries(words.filter((word) => !late(word)))));
  writeFileSync(here(`words/${language}.engine.json`), JSON.stringify(Object.fromEntries(words.filter(late))));
}

/** The page with one style sheet in place of its parts: together they compress better. The last comes later; its name is given to boot.js. */
const joined = (html) => {
  const links = [...html.matchAll(/<link rel="stylesheet" href="\.\/([^"]+)"\/>\n/g)], [late, lateName] = links.pop();
  const style = links.map(([, name]) => readFileSync(here(name), 'utf8')).join('\n'), name = `page-${hash(style)}.css`;
  for (const [, part] of links) rmSync(here(part));
  writeFileSync(here(name), style);
  const parted = html.replace(late, '').replace('data-js=', `data-style="./${lateName}" data-js=`);
  return links.slice(1).reduce((html, [link]) => html.replace(link, ''), parted).replace(links[0][1], name);
};

if (process.env.TRUNK_PROFILE === 'release') {
  const objects = parse(readFileSync(here(wasm))).data.map(({ start }) => start);
  execFileSync(OPT, ['-g', '--no-inline=*', '-Oz', '--low-memory-unused', ...FEATURES, here(wasm), '-o', here(wasm)], { stdio: 'inherit' });
  const optimized = readFileSync(here(wasm)), module = parse(optimized);
  if (process.env.KUBEHOP_MARK_FUNCTIONS) {
    // For tests/bench/first-load.js: which functions does opening the page run?
    writeFileSync(here('functions.wasm'), optimized);
    writeFileSync(here(wasm), instrument(optimized));
    appendFileSync(here('boot.js'), "globalThis.kubehopRest = () => new Promise(() => {}); globalThis.kubehopRan = () => Object.keys(first).filter((name) => name.startsWith('ran') && first[name].value).map((name) => Number(name.slice(3)));\n");
  } else {
    // The tools' names of imports end in digits that no compression shortens.
    const short = new Map(module.imports.map(({ name }, i) => [name, `i${i.toString(36)}`]));
    for (const it of module.imports) it.name = short.get(it.name);
    const { first, rest } = split(module, named(module, readFileSync(FIRST_LOAD, 'utf8')), objects);
    const name = `playground-${hash(first, rest)}`;
    writeFileSync(here(`${name}_bg.wasm`), first);
    writeFileSync(here(`${name}_rest.wasm`), rest);
    writeFileSync(here(`${name}.js`), readFileSync(here(js), 'utf8').replace(/\b__wb\w+/g, (name) => short.get(name) ?? name));
    rmSync(here(wasm));
    rmSync(here(js));
    const html = joined(readFileSync(here('index.html'), 'utf8')).replaceAll(wasm, `${name}_bg.wasm`).replaceAll(js, `${name}.js`).replaceAll('boot.js"', `boot.js?${name.slice(-16)}"`);
    writeFileSync(here('index.html'), html);
    for (const file of readdirSync(staging).filter((file) => /\.(js|css)$/.test(file))) {
      const text = readFileSync(here(file), 'utf8');
      writeFileSync(here(file), transformSync(text, { loader: file.endsWith('.js') ? 'js' : 'css', minify: true, target: 'es2022' }).code);
    }
  }
}
