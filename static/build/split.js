// Splits a WebAssembly module in two: `first` holds the functions that opening the page runs, `rest` all others. Where `first` calls
// into `rest`, a stub takes its way through a table that `rest` fills when it is linked; an empty way first calls the table's entry 0,
// which links it.
import { divide } from './data.js';
import { alike } from './order.js';
import { FUNCTION, GLOBAL, MEMORY, TABLE, assemble, flat, leb, parse, text, vector } from './wasm.js';

const FUNCREF = 0x70, I32 = 0x7f;
const END = 0x0b, CALL = 0x10, CALL_INDIRECT = 0x11, LOCAL_GET = 0x20, GLOBAL_SET = 0x24, TABLE_GET = 0x25, I32_CONST = 0x41, IS_NULL = 0xd1, IF = 0x04, EMPTY = 0x40;

const START = '__wbindgen_start';

const sized = (body) => { const bytes = flat([body]); return [leb(bytes.length), bytes]; };
const exported = ({ name, kind, index }) => [text(name), kind, leb(index)];

/** Every function notes in a global of its own that it ran; the globals are exported as `ran<function index>`. */
export const instrument = (bytes) => {
  const module = parse(bytes);
  const { imports, globals, exports, bodies, raw } = module;
  const marks = bodies.map((_, i) => ({ name: `ran${imports.length + i}`, kind: GLOBAL, index: globals.length + i }));
  return assemble([
    ...['type', 'import', 'function', 'table', 'memory'].map((name) => [name, raw[name]]),
    ['global', vector([...globals.map(({ type, entry }) => [type, entry]), ...marks.map(() => [I32, 1, I32_CONST, 0, END])])],
    ['export', vector([...exports, ...marks].map(exported))],
    ...['start', 'element', 'dataCount'].map((name) => [name, raw[name]]),
    ['code', vector(bodies.map(({ body, code }, i) => sized([body.subarray(0, code), I32_CONST, 1, GLOBAL_SET, leb(globals.length + i), body.subarray(code)])))],
    ['data', raw.data],
  ]);
};

const signature = (types, params, results) => {
  const index = types.findIndex((type) => `${type.params}>${type.results}` === `${params}>${results}`);
  if (index < 0) throw new Error(`no function has the type ${params} -> ${results}`);
  return index;
};

const rewritten = ({ body, found }, index) => {
  const parts = [];
  let done = 0;
  for (const { at, length, index: old } of found) { parts.push(body.subarray(done, at), leb(index.get(old))); done = at + length; }
  return sized([...parts, body.subarray(done)]);
};

const elementSegment = ({ flags, table, offset, functions }, index) => [
  leb(flags), flags === 2 ? leb(table) : [], offset ?? [], flags & 3 ? 0 : [], vector(functions.map((old) => leb(index.get(old)))),
];

/**
 * `stays(index)` tells which functions of `module` `first` keeps, `objects` where its constants begin. To link the rest: `new
 * WebAssembly.Instance(rest, { first: exportsOfFirst })`, and with them, named `f` and its place in base 36, each function of the table
 * `shared` that `first` exports (as exports of their own they would weigh more). `first` exports the table `ways`, too, whose entry 0
 * must be set to the function that links; and `start`, to be called after that: what the glue calls itself, `__wbindgen_start`, does
 * nothing.
 */
export const split = (module, stays, objects) => {
  const { imports, functions, bodies, raw } = module;
  if (raw.start) throw new Error('a module with a start section is not understood');
  const all = bodies.map((body, i) => ({ ...body, index: imports.length + i, type: functions[i] }));
  const sorted = all.sort((a, b) => a.type - b.type || a.body.length - b.body.length);
  const kept = alike(sorted.filter(({ index }) => stays(index))), moved = sorted.filter(({ index }) => !stays(index));
  const called = new Set([
    ...kept.flatMap(({ found }) => found.map(({ index }) => index)), ...module.elements.flatMap((segment) => segment.functions),
    ...module.exports.filter(({ kind }) => kind === FUNCTION).map(({ index }) => index),
  ]);
  const ways = moved.filter(({ index }) => called.has(index)).sort((a, b) => a.type - b.type);
  const needed = new Set(moved.flatMap(({ found }) => found.map(({ index }) => index)));
  const shared = [...imports.keys(), ...kept.map(({ index }) => index)].filter((index) => needed.has(index));
  const data = divide(module.data, objects, kept);
  return { first: first(module, kept, ways, shared, data.first), rest: rest(module, moved, ways, shared, data.rest) };
};

const shareName = (kind, i) => `${'ftmg'[kind]}${i.toString(36)}`;
const tableType = (size) => [FUNCREF, 1, leb(size), leb(size)];
/** A segment that fills a table from a place on. */
const filled = (table, from, functions, index) => [2, leb(table), I32_CONST, from, END, 0, vector(functions.map((old) => leb(index.get(old))))];

const first = (module, kept, ways, shared, data) => {
  const { imports, types, tables, memories, globals, raw } = module;
  const index = new Map(imports.map((_, i) => [i, i]));
  for (const { index: old } of [...kept, ...ways]) index.set(old, index.size);
  const nothing = { type: signature(types, [], []), body: sized([0, END]), index: index.size };
  const ensure = { type: signature(types, [I32], [I32]), index: index.size + 1, body: sized([0, LOCAL_GET, 0, TABLE_GET, leb(tables.length), IS_NULL,
    IF, EMPTY, I32_CONST, 0, CALL_INDIRECT, leb(nothing.type), leb(tables.length), END, LOCAL_GET, 0, END]) };
  const stub = ({ type }, way) => sized([0, types[type].params.map((_, i) => [LOCAL_GET, leb(i)]),
    I32_CONST, leb(way + 1, true), CALL, leb(ensure.index), CALL_INDIRECT, leb(type), leb(tables.length), END]);

  const exports = module.exports.flatMap((e) => {
    if (e.kind !== FUNCTION) return [e];
    const moved = { ...e, index: index.get(e.index) };
    return e.name === START ? [{ ...e, index: nothing.index }, { ...moved, name: 'start' }] : [moved];
  });
  const share = (kind, list) => list.map((_, i) => ({ name: shareName(kind, i), kind, index: i }));
  const shares = [
    ...share(TABLE, tables), { name: 'ways', kind: TABLE, index: tables.length }, { name: 'shared', kind: TABLE, index: tables.length + 1 }, ...share(MEMORY, memories), ...share(GLOBAL, globals),
  ];
  return assemble([
    ['type', raw.type], ['import', vector(imports.map(({ module, name, type }) => [text(module), text(name), FUNCTION, leb(type)]))],
    ['function', vector([...kept, ...ways, nothing, ensure].map(({ type }) => leb(type)))],
    ['table', vector([...tables, tableType(ways.length + 1), tableType(shared.length)])],
    ['memory', raw.memory], ['global', raw.global],
    ['export', vector([...exports, ...shares].map(exported))],
    ['element', vector([...module.elements.map((segment) => elementSegment(segment, index)), filled(tables.length + 1, 0, shared, index)])],
    ['code', vector([...kept.map((f) => rewritten(f, index)), ...ways.map(stub), nothing.body, ensure.body])],
    ['data', vector(data)],
  ]);
};

const rest = (module, moved, ways, shared, data) => {
  const { imports, functions, tables, memories, globals, raw } = module;
  const typeOf = (index) => (index < imports.length ? imports[index].type : functions[index - imports.length]);
  const index = new Map(shared.map((old, i) => [old, i]));
  for (const { index: old } of moved) index.set(old, index.size);
  const from = (kind, i, type) => [text('first'), text(shareName(kind, i)), kind, type];
  return assemble([
    ['type', raw.type],
    ['import', vector([
      ...shared.map((old, i) => from(FUNCTION, i, leb(typeOf(old)))),
      ...tables.map((type, i) => from(TABLE, i, type)), [text('first'), text('ways'), TABLE, tableType(ways.length + 1)],
      ...memories.map((type, i) => from(MEMORY, i, type)), ...globals.map(({ type }, i) => from(GLOBAL, i, type)),
    ])],
    ['function', vector(moved.map(({ type }) => leb(type)))],
    ['element', vector([filled(tables.length, 1, ways.map((f) => f.index), index)])],
    ['code', vector(moved.map((f) => rewritten(f, index)))],
    ['data', vector(data)],
  ]);
};
