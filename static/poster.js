// What stands in the page's place while it cannot run: the still picture of the small player before its first play, and a notice
// where WebAssembly may not start. The words come from the language files, the colours from the style sheets.
const asked = new URLSearchParams(location.hash.slice(1));
const root = () => document.getElementById('boot');

const remembered = () => {
  // A frame on another site may have no storage.
  try { return localStorage.getItem('kubehop.lang'); } catch { return null; }
};

const language = (asked.get('lang') ?? remembered() ?? navigator.language).startsWith('ko') ? 'ko' : 'en';
const words = fetch(new URL(`words/${language}.json`, import.meta.url)).then((file) => file.json()).catch(() => ({}));

const PICTURE = `
<svg class="stage" viewBox="0 0 720 300" aria-hidden="true">
  <rect class="card" x="270" y="10" width="180" height="40" rx="8"/><svg class="g k-infra" x="281" y="20" width="20" height="20"><use href="#g-client"/></svg>
  <path class="ghost" d="M360 50V84Q360 92 352 92H138Q130 92 130 100V150"/>
  ${[0, 1, 2].map((at) => { const x = 40 + at * 220; return `
  <rect class="node" x="${x}" y="116" width="200" height="170" rx="10"/><svg class="g k-infra" x="${x + 12}" y="125" width="16" height="16"><use href="#g-node"/></svg>
  <text class="t" x="${x + 34}" y="138">node-${at + 1}</text>`; }).join('')}
  <rect class="rail" x="16" y="154" width="688" height="34" rx="17"/>
  ${[0, 1, 2].map((at) => { const x = 40 + at * 220; return `
  <path class="gate" d="M${x + 100} 160l11 11-11 11-11-11Z"/>
  <rect class="card" x="${x + 30}" y="226" width="150" height="44" rx="8"/><svg class="g k-pod" x="${x + 41}" y="238" width="20" height="20"><use href="#g-pod"/></svg>
  <path class="wire" d="M${x + 14} 206V248H${x + 30}"/>`; }).join('')}
  <path class="bus" d="M54 206H680"/>
</svg>`;

const element = (tag, className, ...inside) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside);
  return made;
};

/** The small player's still picture. Done when the player is to start. */
export async function show() {
  const said = await words;
  const theme = asked.get('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  document.documentElement.lang = language;
  const example = asked.get('embed');
  const title = said[`example.${example}.title`] ?? 'kubehop';
  const open = element('a', 'lnk', said['embed.open'] ?? 'Open');
  Object.assign(open, { href: example.startsWith('1.') ? `#${example}` : `#example=${example}`, target: '_blank', rel: 'noopener' });
  const stage = element('div', 'st');
  stage.innerHTML = PICTURE;
  const play = element('button', 'playnow');
  play.type = 'button';
  play.innerHTML = '<svg class="ic" width="26" height="26" aria-hidden="true"><use href="#i-play"/></svg>';
  play.setAttribute('aria-label', said['timeline.play'] ?? 'Play');
  const waits = asked.get('play') === 'click';
  const note = element('span', '', said[waits ? 'poster.waits' : 'poster.loads'] ?? '');
  note.setAttribute('role', 'status');
  const bar = element('div', 'posterbar', ...(waits ? [play] : []), element('div', 'tx', element('b', '', said[`example.${example}.text`] ?? ''), note));
  root().replaceChildren(element('main', 'kh poster', element('header', '', element('h1', '', title), element('span', 'spacer'), open), stage, bar));
  if (!waits) return;
  await new Promise((done) => play.addEventListener('click', done, { once: true }));
  play.disabled = true;
  note.textContent = said['poster.loads'] ?? '';
}

/** Says that the page cannot start, and where the player can be opened. */
export async function stuck() {
  const said = await words;
  const text = said['poster.stuck'] ?? 'The player cannot start: this browser, or the page around it, does not allow WebAssembly.';
  const bar = root().querySelector('.posterbar .tx');
  if (bar) {
    root().querySelector('.playnow')?.remove();
    bar.replaceChildren(element('b', '', text));
    return;
  }
  const notice = element('p', 'stuck', text);
  notice.setAttribute('role', 'alert');
  root().append(notice);
}
