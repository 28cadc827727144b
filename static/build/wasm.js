// Reads a WebAssembly module as far as splitting it needs, and writes sections (core specification 2.0, "Binary Format").
// Instructions are only walked, to find where they name functions: everything else in them stays as it is.

export const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
export const FUNCTION = 0, TABLE = 1, MEMORY = 2, GLOBAL = 3;
const SECTION = { custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, start: 8, element: 9, code: 10, data: 11, dataCount: 12 };

class Reader {
  constructor(bytes, at = 0) { this.bytes = bytes; this.at = at; }
  get done() { return this.at >= this.bytes.length; }
  byte() { return this.bytes[this.at++]; }
  u32() {
    for (let n = 0, shift = 0; ; shift += 7) {
      const b = this.byte();
      n |= (b & 127) << shift;
      if (b < 128) return n >>> 0;
    }
  }
  s32() {
    for (let n = 0, shift = 0; ;) {
      const b = this.byte();
      n |= (b & 127) << shift;
      shift += 7;
      if (b < 128) return shift < 32 && b & 64 ? n | (-1 << shift) : n;
    }
  }
  /** Both halves of a signed 64-bit number, as unsigned ones. */
  s64() {
    let n = 0n;
    for (let shift = 0n; ;) {
      const b = this.byte();
      n |= BigInt(b & 127) << shift;
      shift += 7n;
      if (b < 128) { n = BigInt.asUintN(64, b & 64 ? n | (-1n << shift) : n); return [Number(n & 0xffffffffn), Number(n >> 32n)]; }
    }
  }
  skip(count = 1) { while (count--) while (this.byte() > 127); }
  take(n) { this.at += n; return this.bytes.subarray(this.at - n, this.at); }
  name() { return new TextDecoder().decode(this.take(this.u32())); }
  list(read) { return Array.from({ length: this.u32() }, (_, i) => read(i)); }
  /** The bytes that `read` passes over. */
  span(read) { const from = this.at; read(); return this.bytes.subarray(from, this.at); }
  limits() { const flags = this.u32(); this.skip(flags & 1 ? 2 : 1); }
}

/** Unsigned LEB128; as a signed one where `signed`, for constants. */
export const leb = (n, signed = false) => {
  const bytes = [];
  for (;;) {
    const low = n & 127;
    n >>>= 7;
    if (!n && !(signed && low & 64)) return [...bytes, low];
    bytes.push(low | 128);
  }
};
export const vector = (items) => [leb(items.length), items];
export const text = (s) => { const bytes = new TextEncoder().encode(s); return [leb(bytes.length), bytes]; };

/** Nested arrays of bytes as one. */
export const flat = (parts) => {
  const pieces = [];
  const walk = (part) => (typeof part === 'number' || part instanceof Uint8Array ? pieces.push(part) : part.forEach(walk));
  walk(parts);
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + (piece.length ?? 1), 0));
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'number') out[at++] = piece;
    else { out.set(piece, at); at += piece.length; }
  }
  return out;
};

const section = (name, body) => { const bytes = flat([body]); return [SECTION[name], leb(bytes.length), bytes]; };
/** A module of `[name, body]` sections in the order of the specification; a section without a body is left out. */
export const assemble = (parts) => flat([HEADER, parts.filter(([, body]) => body !== undefined).map(([name, body]) => section(name, body))]);

const constant = (r) => r.span(() => {
  for (let op; (op = r.byte()) !== 0x0b;) {
    if (op === 0x41 || op === 0x42 || op === 0x23 || op === 0xd0) r.skip();
    else throw new Error(`a constant expression holds the unknown instruction 0x${op.toString(16)}`);
  }
});

const element = (r) => {
  const flags = r.u32();
  if (flags & 4) throw new Error('an element segment of expressions is not understood');
  const table = flags & 2 && !(flags & 1) ? r.u32() : 0;
  const offset = flags & 1 ? undefined : constant(r);
  if (flags & 3) r.byte();
  return { flags, table, offset, functions: r.list(() => r.u32()) };
};

const NO_IMMEDIATE = new Set([0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0xd1]);
const ONE = new Set([0x02, 0x03, 0x04, 0x0c, 0x0d, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x3f, 0x40, 0xd0]);
const TWO = new Set([0x11, 0x13]);
const NAMES_A_FUNCTION = new Set([0x10, 0x12]);
/** What may follow a constant that is a part of a sum: the addition, or a local's taking it for one. */
const ADDED = new Set([0x21, 0x22, 0x6a]);
const PREFIXED = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];

/**
 * Where a body names functions: `{ at, length, index }` each, with `at` counted from the body's first byte; every number in it that
 * may be an address, and of these the ones to which something is added that may be below zero (`bases`; what a load or a store adds is
 * not); and its `shape`, a number made of its instructions without what they name.
 */
const references = (body) => {
  const r = new Reader(body), found = [], numbers = [], bases = [];
  r.list(() => { r.skip(); r.byte(); });
  const code = r.at;
  let shape = 0;
  while (!r.done) {
    const op = r.byte();
    shape = (Math.imul(shape, 31) + op) >>> 0;
    if (NAMES_A_FUNCTION.has(op)) { const at = r.at; const index = r.u32(); found.push({ at, length: r.at - at, index }); }
    else if (NO_IMMEDIATE.has(op) || (op >= 0x45 && op <= 0xc4)) continue;
    else if (op === 0x41) {
      numbers.push(r.s32());
      if (ADDED.has(body[r.at])) bases.push(numbers.at(-1));
    }
    // An address and a length are stored together where they stand side by side.
    else if (op === 0x42) numbers.push(...r.s64());
    else if (ONE.has(op)) r.skip();
    else if (op >= 0x28 && op <= 0x3e) { r.skip(); numbers.push(r.u32()); }
    else if (TWO.has(op)) r.skip(2);
    else if (op === 0x0e) { r.list(() => r.skip()); r.skip(); }
    else if (op === 0x1c) r.list(() => r.byte());
    else if (op === 0x43) r.take(4);
    else if (op === 0x44) r.take(8);
    else {
      const sub = op === 0xfc ? r.u32() : -1;
      if (PREFIXED[sub] === undefined) throw new Error(`unknown instruction 0x${op.toString(16)} ${sub}`);
      if (sub === 8 || sub === 9 || sub === 12 || sub === 13) throw new Error('passive segments are not understood');
      r.skip(PREFIXED[sub]);
    }
  }
  return { code, found, numbers, bases, shape };
};

const dataSegment = (r) => {
  if (r.u32() !== 0) throw new Error('passive segments are not understood');
  if (r.byte() !== 0x41) throw new Error('a data segment stands at an address that is not constant');
  const start = r.s32();
  r.byte();
  return { start, bytes: r.take(r.u32()) };
};

/** What splitting needs to know of a module; `raw` has the bodies of sections that stay as they are. */
export const parse = (bytes) => {
  const raw = {}, names = new Map();
  for (const r = new Reader(bytes, HEADER.length); !r.done;) {
    const id = r.byte(), body = r.take(r.u32());
    const name = Object.keys(SECTION).find((name) => SECTION[name] === id);
    if (name === undefined) throw new Error(`unknown section ${id}`);
    if (name === 'custom') functionNames(new Reader(body), names);
    else raw[name] = body;
  }
  const each = (name, make) => { const r = raw[name] && new Reader(raw[name]); return r ? r.list(() => make(r)) : []; };
  const types = each('type', (r) => {
    if (r.byte() !== 0x60) throw new Error('only function types are understood');
    return { params: r.list(() => r.byte()), results: r.list(() => r.byte()) };
  });
  const imports = each('import', (r) => {
    const module = r.name(), name = r.name(), kind = r.byte();
    if (kind !== FUNCTION) throw new Error(`the import ${module}.${name} is no function`);
    return { module, name, type: r.u32() };
  });
  return {
    raw, names, types, imports,
    functions: each('function', (r) => r.u32()),
    tables: each('table', (r) => r.span(() => { r.byte(); r.limits(); })),
    memories: each('memory', (r) => r.span(() => r.limits())),
    globals: each('global', (r) => ({ type: r.take(2), entry: constant(r) })),
    exports: each('export', (r) => ({ name: r.name(), kind: r.byte(), index: r.u32() })),
    elements: each('element', element),
    data: each('data', dataSegment),
    bodies: each('code', (r) => { const body = r.take(r.u32()); return { body, ...references(body) }; }),
  };
};

const functionNames = (r, names) => {
  if (r.name() !== 'name') return;
  while (!r.done) {
    const id = r.byte(), sub = new Reader(r.take(r.u32()));
    if (id === 1) sub.list(() => { const index = sub.u32(); names.set(index, sub.name()); });
  }
};
