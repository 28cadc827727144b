// In which order functions stand in a file: like beside like compresses better.

const GRAM = 3;
/** What so many functions share says nothing of two of them. */
const COMMON = 400;

const grams = (bytes) => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'), found = new Set();
  for (let i = 0; i + GRAM <= text.length; i++) found.add(text.slice(i, i + GRAM));
  return found;
};

/** The functions, each followed by the one that has most in common with it, of those that are left. */
export const alike = (functions) => {
  const all = functions.map(({ body }) => grams(body)), holders = new Map();
  all.forEach((own, i) => { for (const gram of own) holders.get(gram)?.push(i) ?? holders.set(gram, [i]); });
  const left = new Set(functions.keys()), order = [];
  const take = (i) => { left.delete(i); order.push(functions[i]); return i; };
  for (let at = functions.length ? take(0) : 0; left.size;) {
    const shared = new Map();
    for (const gram of all[at]) {
      const others = holders.get(gram);
      if (others.length < COMMON) for (const other of others) if (left.has(other)) shared.set(other, (shared.get(other) ?? 0) + 1);
    }
    let best = left.values().next().value, most = 0;
    for (const [i, count] of shared) {
      const likeness = count / (all[at].size + all[i].size - count);
      if (likeness > most) [best, most] = [i, likeness];
    }
    at = take(best);
  }
  return order;
};
