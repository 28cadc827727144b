//! The coloured lines under the editor's text, with their numbers. Of a long text only those in sight are coloured; the others stand as
//! plain text of the same height, so that a paste of any length is drawn soon.

use super::icon::glyph;
use super::yaml;
use web_sys::HtmlElement;
use yew::prelude::*;

/// How many lines are compared and drawn together.
const CHUNK: usize = 50;
/// A text of so many such stretches is coloured as a whole.
const WHOLE: usize = 24;
/// Of a longer one, the stretches in sight and so many on both sides.
const NEAR: usize = 3;

/// What stands out on a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// From 1.
    pub line: u32,
    /// `now`, `ref`, `warn`, `err`
    pub class: &'static str,
    /// Says why.
    pub tag: String,
    /// Characters from and to, from 1, to underline.
    pub wavy: Option<(u32, u32)>,
}

/// The lines of a text; `top` is the line at the upper edge of what is in sight, from 0.
pub fn drawn(text: &str, marks: &[Mark], top: usize) -> Html {
    let lines: Vec<&str> = text.split('\n').collect();
    let here = top / CHUNK;
    let whole = lines.len() <= WHOLE * CHUNK;
    let chunks = lines.chunks(CHUNK).enumerate().map(|(number, chunk)| {
        let text = chunk.join("\n");
        if !whole && here.abs_diff(number) > NEAR {
            return plain(number, text);
        }
        let start = number * CHUNK;
        let range = start as u32 + 1..=(start + chunk.len()) as u32;
        let marks: Vec<Mark> = marks.iter().filter(|mark| range.contains(&mark.line)).cloned().collect();
        html! { <Lines key={number} {text} {start} {marks}/> }
    });
    chunks.collect()
}

/// A stretch out of sight. The line's end behind it keeps the height of a last line that is empty.
#[inline(never)]
fn plain(number: usize, text: String) -> Html {
    html! { <pre class="far" key={number}>{ text + "\n" }</pre> }
}

/// The line at the upper edge after the text was scrolled.
#[inline(never)]
pub fn at_top(event: &Event, lines: usize) -> usize {
    let field: HtmlElement = event.target_unchecked_into();
    let above = f64::from(field.scroll_top()) / f64::from(field.scroll_height().max(1));
    (above * lines as f64) as usize / CHUNK * CHUNK
}

#[derive(Clone, PartialEq, Properties)]
struct LinesProps {
    text: String,
    start: usize,
    marks: Vec<Mark>,
}

#[component]
fn Lines(LinesProps { text, start, marks }: &LinesProps) -> Html {
    text.split('\n')
        .enumerate()
        .map(|(index, line)| {
            let number = (start + index + 1) as u32;
            let here: Vec<&Mark> = marks.iter().filter(|mark| mark.line == number).collect();
            let class: Classes = here.iter().map(|mark| mark.class).collect();
            let bad = here.iter().find(|mark| matches!(mark.class, "warn" | "err")).map(|mark| mark.class);
            let gutter = match (bad, yaml::kind_glyph(line)) {
                (Some("err"), _) => glyph("i-err", 13, "k-err"),
                (Some(_), _) => glyph("i-warn", 13, "k-warn"),
                (None, Some((name, class))) => glyph(name, 14, class),
                _ => Html::default(),
            };
            let wavy = here.iter().find_map(|mark| mark.wavy);
            html! {
                <div class={classes!("ln", class)} data-n={number.to_string()}>
                    <span class="no">{ number }</span><span class="gu">{ gutter }</span><code>{ coloured(line, wavy) }</code>
                    { for here.iter().filter(|mark| !mark.tag.is_empty()).map(|mark| html! {
                        <span class={classes!("tag", (mark.class != "now").then_some("quiet"))}>{ mark.tag.clone() }</span>
                    }) }
                </div>
            }
        })
        .collect()
}

fn coloured(line: &str, wavy: Option<(u32, u32)>) -> Html {
    let kind = yaml::kind_glyph(line).map(|(_, class)| class);
    let (from, to) = wavy.unwrap_or((0, 0));
    let mut at = 1;
    let mut out = Vec::new();
    for (class, stretch) in yaml::stretches(line) {
        let count = stretch.chars().count() as u32;
        let cut = |column: u32| column.clamp(at, at + count) - at;
        let class = match kind {
            Some(kind) if class.is_empty() => classes!("kind", kind),
            _ => classes!(class),
        };
        let mut rest = stretch.chars();
        for (take, under) in [(cut(from), false), (cut(to) - cut(from), true), (count - cut(to), false)] {
            let piece: String = rest.by_ref().take(take as usize).collect();
            if !piece.is_empty() {
                out.push(html! { <span class={classes!(class.clone(), under.then_some("wavy"))}>{ piece }</span> });
            }
        }
        at += count;
    }
    out.into_iter().collect()
}
