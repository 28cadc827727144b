// Which functions opening the page runs: `make first-load` writes the list, the build keeps these functions in the wasm's first file.
//
// The list has the names of the functions that ran, and marks of those that did not although a kept function calls them. So an edit of the
// page rarely needs a new list: what a kept function calls stays, unless the list knows that opening does without it. A name changes
// with the order of closures, so of functions whose names differ only in a number, a cold one is recognized by its instructions, too.
// A function that opening needs and that lies in the rest works all the same; it only comes later.
import { fileURLToPath } from 'node:url';
import { FUNCTION } from './wasm.js';

export const FIRST_LOAD = fileURLToPath(new URL('first-load.txt', import.meta.url));

/** A function so small, and calling nothing, is smaller than the way to it. */
const SMALL = 16;
/** Whose functions may be needed at once although nothing calls them by name: they stand in the table, as views and closures do. */
const PAGE = /kubehop::(app|scene)::/;
const MARKS_PER_LINE = 14;

/** A name without what changes from build to build: hashes of crates, numbers of closures and of copies. */
const plain = (name) => name.replace(/\[[0-9a-f]{8,}\]/g, '');
const skeleton = (name) => plain(name).replace(/#\d+/g, '#').replace(/(\.llvm)?\.\d+$/, '');

const hash = (text) => {
  let h = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) h = BigInt.asUintN(64, (h ^ BigInt(byte)) * 0x100000001b3n);
  return h.toString(16).padStart(16, '0').slice(0, 8);
};

/** The names and marks of the functions of a module. */
const identities = ({ imports, bodies, names }) => new Map(bodies.map((body, i) => {
  const index = imports.length + i, name = names.get(index);
  if (name === undefined) return [index, {}];
  const short = skeleton(name);
  return [index, { short, mark: hash(short === plain(name) ? short : `${short} ${body.shape}`), ofPage: PAGE.test(name) }];
}));

/**
 * The functions that stay: those with a name in `wanted`, and what they call; `stays(identity)` may refuse each. What the tools made
 * without a name, out of similar functions, stays with its callers.
 */
const reached = (module, wanted, stays) => {
  const { imports, bodies, elements, exports } = module, all = identities(module), kept = new Set(), open = [];
  const keep = (index) => { if (!kept.has(index)) { kept.add(index); open.push(index); } };
  const meet = (index) => { const it = all.get(index); if (it && !kept.has(index) && (!it.short || stays(it))) keep(index); };
  for (const [index, { short }] of all) if (wanted.has(short)) meet(index);
  for (const index of elements.flatMap((segment) => segment.functions)) if (all.get(index)?.ofPage) meet(index);
  for (const { kind, index } of exports) if (kind === FUNCTION && all.get(index)?.short === undefined) meet(index);
  while (open.length) {
    for (const { index } of bodies[open.pop() - imports.length].found) {
      const body = bodies[index - imports.length];
      if (body && body.body.length <= SMALL && !body.found.length) keep(index);
      else meet(index);
    }
  }
  return kept;
};

/** The list for a module of which the functions `ran` ran. */
export const list = (module, ran) => {
  const all = identities(module), running = [...ran].map((index) => all.get(index)).filter(({ short }) => short);
  const wanted = new Set(running.map(({ short }) => short)), marks = new Set(running.map(({ mark }) => mark)), cold = new Set();
  reached(module, wanted, ({ mark }) => marks.has(mark) || (cold.add(mark), false));
  const lines = [...cold].sort(), rows = [];
  while (lines.length) rows.push(`! ${lines.splice(0, MARKS_PER_LINE).join(' ')}`);
  return ['# The functions that opening the page runs, and marks of those next to them that it does not run (`!`).',
    '# Written by `make first-load`, read by static/build/names.js.', ...[...wanted].sort(), ...rows, ''].join('\n');
};

/** A predicate over function indices: does the list want it in the first file? */
export const named = (module, text) => {
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  const wanted = new Set(lines.filter((line) => !line.startsWith('! '))), cold = new Set(lines.filter((line) => line.startsWith('! ')).flatMap((line) => line.slice(2).split(' ')));
  const kept = reached(module, wanted, ({ mark }) => !cold.has(mark));
  return (index) => kept.has(index);
};
